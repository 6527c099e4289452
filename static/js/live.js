// Live: ticks, the watchdog, and what may not be pressed while the page is old.
// Invariants: after 12 s without a tick the page says so and nothing dangerous can be done from it;
// a page that hears nothing dials again, whatever its browser believes of the socket.
"use strict";
(() => {
  const REDIAL_MS = 8000; // a tick comes every 5 s
  const REDIAL_AT_MOST_MS = 30000;
  const note = document.getElementById("stale-note");
  const isLive = document.body.hasAttribute("hx-ws:connect");
  if (!isLive) return;
  let ended = false;
  let line = null; // htmx's connection: its socket changes, it does not
  let dialled = performance.now();
  let patience = REDIAL_MS;

  function locked(event) {
    if (!document.body.hasAttribute("data-stale")) return;
    const target = event.type === "submit" ? event.submitter ?? event.target : event.target.closest?.(".btn, button, input[type=submit]");
    if (!target || target.closest(".safe") || target.closest(".mast")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    note.focus();
  }
  for (const kind of ["click", "submit"]) document.addEventListener(kind, locked, true);

  function lock(isStale) {
    for (const node of document.querySelectorAll("main .btn:not(.safe)")) {
      if (isStale) node.setAttribute("aria-disabled", "true");
      else node.removeAttribute("aria-disabled");
    }
  }

  // Where a server accepts and says nothing, a laptop slept or its network changed, browsers see no
  // error for minutes. Told that this socket is closed, htmx closes it and opens another.
  function redial() {
    if (ended || Math.min(tocsin.silent(), performance.now() - dialled) < patience) return;
    dialled = performance.now();
    patience = Math.min(2 * patience, REDIAL_AT_MOST_MS);
    const socket = line?.socket;
    if (socket && socket.readyState !== WebSocket.CLOSED) socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }

  function watch() {
    redial();
    const silent = tocsin.silent();
    const isStale = ended || silent > tocsin.STALE_MS;
    const was = document.body.hasAttribute("data-stale");
    document.body.toggleAttribute("data-stale", isStale);
    if (isStale !== was) lock(isStale);
    if (isStale && !ended) {
      const at = new Date(tocsin.now() - silent).toISOString().slice(11, 19);
      tocsin.write(note, `No news from the server for ${tocsin.span(silent)}. What you see is from ${at}; dangerous buttons are locked.${line ? "" : " Reload this page: a part of it did not arrive."}`);
    } else if (!ended) tocsin.write(note, "");
  }

  document.addEventListener("htmx:ws:before:connection", (event) => { line = event.detail.connection; });

  document.addEventListener("htmx:ws:before:message:incoming", (event) => {
    const data = event.detail.message.data;
    if (!data.startsWith('{"tick"')) return;
    const tick = JSON.parse(data);
    tocsin.offset = Date.parse(tick.tick) - Date.now();
    tocsin.hear();
    patience = REDIAL_MS;
    watch();
    tocsin.count();
    const build = document.querySelector('meta[name="tocsin-build"]').content;
    if (tick.build !== build && document.documentElement.hasAttribute("data-wall")) location.reload();
  });

  document.addEventListener("htmx:ws:close", (event) => {
    if (event.detail.code !== 4401) return;
    ended = true;
    note.textContent = "You are signed out here, and this page does not ring any more. Sign in again.";
    watch();
    location.assign(`/account/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
  });

  // Back to a page that the browser kept: htmx let its socket go when the page was left.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  new MutationObserver((changes) => {
    if (changes.some((c) => c.target.closest?.("main"))) {
      tocsin.count();
      lock(document.body.hasAttribute("data-stale"));
    }
  }).observe(document.getElementById("main"), { subtree: true, childList: true });
  setInterval(watch, 500);
})();
