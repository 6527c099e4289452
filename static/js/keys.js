// Keys: Ctrl/Cmd-K finds, ? helps. Every command is a link; no key does anything grave.
"use strict";
(() => {
  const dialog = document.getElementById("palette");
  if (!dialog) return;

  async function open() {
    const answer = await fetch("/find/?part=1", { headers: { "HX-Request": "true" } });
    if (!answer.ok) { location.assign("/find/"); return; }
    const list = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("ul");
    const input = document.createElement("input");
    input.setAttribute("aria-label", "Find or do");
    input.placeholder = "Host, application, page or act";
    dialog.replaceChildren(input, list);
    const entries = [...list.querySelectorAll("li")];
    const shown = () => entries.filter((li) => !li.hidden);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      for (const li of entries) li.hidden = !words.every((w) => li.textContent.toLowerCase().includes(w));
    });
    dialog.onkeydown = (event) => {
      const links = shown().map((li) => li.querySelector("a"));
      const at = links.indexOf(document.activeElement);
      if (event.key === "ArrowDown") { event.preventDefault(); links[Math.min(at + 1, links.length - 1)]?.focus(); }
      if (event.key === "ArrowUp") { event.preventDefault(); (at > 0 ? links[at - 1] : input).focus(); }
      if (event.key === "Enter" && document.activeElement === input && links[0]) { event.preventDefault(); links[0].click(); }
    };
    dialog.showModal();
    input.focus();
  }

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!dialog.open) open();
    } else if (event.key === "?" && !isTyping && !dialog.open) location.assign("/help/");
  });
  document.querySelector("[data-palette]")?.addEventListener("click", (event) => { event.preventDefault(); open(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
