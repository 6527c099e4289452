// A passkey is made, or signs: the browser asks the person, the form carries the answer.
// Invariant: nothing is sent before the authenticator answered; what it said stands on the page.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list ?? []).map((one) => ({ type: one.type, id: bytes(one.id) }));

  async function create(told) {
    const made = await navigator.credentials.create({ publicKey: {
      ...told, challenge: bytes(told.challenge), user: { ...told.user, id: bytes(told.user.id) },
      excludeCredentials: known(told.excludeCredentials),
    } });
    const { clientDataJSON, attestationObject } = made.response;
    return { id: made.id, rawId: made.id, type: made.type, clientExtensionResults: {},
      response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) } };
  }

  async function get(told) {
    const made = await navigator.credentials.get({ publicKey: {
      ...told, challenge: bytes(told.challenge), allowCredentials: known(told.allowCredentials),
    } });
    const { authenticatorData, clientDataJSON, signature } = made.response;
    return { credential: made.id, authenticator_data: text(authenticatorData), client_data: text(clientDataJSON), signature: text(signature) };
  }

  const SAYS = {
    NotAllowedError: "The passkey was not used: it was refused, or nobody was in time. Nothing was sent.",
    InvalidStateError: "This device holds a passkey of yours already.",
    SecurityError: "This address is not the one that passkeys are bound to. Open Tocsin at its own https address.",
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[data-passkey-said]");
    const can = window.PublicKeyCredential !== undefined;
    if (!can && said) said.textContent = "This browser gives no passkeys here: it takes https (or localhost).";
    let busy = false;
    form.addEventListener("submit", async (event) => {
      if (event.submitter?.hasAttribute("data-code")) return;
      event.preventDefault();
      if (!can || busy || !form.reportValidity()) return;
      busy = true;
      said.textContent = "";
      try {
        const told = JSON.parse(form.dataset.options);
        form.elements.answer.value = JSON.stringify(await (form.dataset.passkey === "create" ? create(told) : get(told)));
        form.submit();
      } catch (error) {
        busy = false;
        said.textContent = SAYS[error.name] ?? `The passkey was not used: ${error.message}`;
      }
    });
  }
})();
