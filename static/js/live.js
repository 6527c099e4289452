// Live: ticks, the watchdog, and what may not be pressed while the page is old.
// Invariant: after 12 s without a tick the page says so and nothing dangerous can be done from it.
"use strict";
(() => {
  const STALE_MS = 12000;
  const note = document.getElementById("stale-note");
  const isLive = document.body.hasAttribute("hx-ws:connect");
  if (!isLive) return;
  let ended = false;

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

  function watch() {
    const silent = performance.now() - tocsin.heard;
    const isStale = ended || silent > STALE_MS;
    const was = document.body.hasAttribute("data-stale");
    document.body.toggleAttribute("data-stale", isStale);
    if (isStale !== was) lock(isStale);
    if (isStale && !ended) {
      const at = new Date(tocsin.now() - silent).toISOString().slice(11, 19);
      tocsin.write(note, `No news from the server for ${tocsin.span(silent)}. What you see is from ${at}; dangerous buttons are locked.`);
    } else if (!ended) tocsin.write(note, "");
  }

  document.addEventListener("htmx:ws:before:message:incoming", (event) => {
    const data = event.detail.message.data;
    if (!data.startsWith('{"tick"')) return;
    const tick = JSON.parse(data);
    tocsin.offset = Date.parse(tick.tick) - Date.now();
    tocsin.heard = performance.now();
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

  new MutationObserver((changes) => {
    if (changes.some((c) => c.target.closest?.("main"))) {
      tocsin.count();
      lock(document.body.hasAttribute("data-stale"));
    }
  }).observe(document.getElementById("main"), { subtree: true, childList: true });
  setInterval(watch, 500);
})();
