// Time as people read it: ages and clocks, counted on the server's clock.
// Invariant: the HTML holds instants only; what counts is drawn here and never sent.
"use strict";
const tocsin = { offset: 0, heard: { steady: performance.now(), wall: Date.now() }, STALE_MS: 12000 };

tocsin.hear = () => { tocsin.heard = { steady: performance.now(), wall: Date.now() }; };

// The steady clock of some browsers stands still while the machine sleeps; the wall's may be set.
tocsin.silent = () => Math.max(performance.now() - tocsin.heard.steady, Date.now() - tocsin.heard.wall);

tocsin.now = () => Date.now() + tocsin.offset;

tocsin.span = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}\u00a0s`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s`;
  if (s < 86400) return `${Math.floor(s / 3600)}\u00a0h ${Math.floor((s % 3600) / 60)}\u00a0min`;
  return `${Math.floor(s / 86400)}\u00a0d ${Math.floor((s % 86400) / 3600)}\u00a0h`;
};

tocsin.face = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  return (hours ? `${hours}:` : "") + `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
};

tocsin.write = (node, text) => { if (node.textContent !== text) node.textContent = text; };

tocsin.count = () => {
  const now = tocsin.now();
  const age = tocsin.silent();
  for (const node of document.querySelectorAll("time[data-since]"))
    tocsin.write(node, tocsin.span(now - Date.parse(node.dateTime)));
  for (const node of document.querySelectorAll("time[data-until]")) {
    const left = Date.parse(node.dateTime) - now;
    tocsin.write(node, left > 0 ? (node.closest(".digits") ? tocsin.face(left) : tocsin.span(left)) : "over");
  }
  for (const node of document.querySelectorAll("time[data-digits]"))
    tocsin.write(node, tocsin.face(now - Date.parse(node.dateTime)));
  for (const node of document.querySelectorAll("[data-age]"))
    tocsin.write(node, `${tocsin.span(age)} ago`);
  const person = document.body.dataset.person;
  for (const node of document.querySelectorAll("[data-answered]"))
    node.hidden = node.dataset.answered.split(" ").includes(person);
  for (const node of document.querySelectorAll("[data-yours]")) node.hidden = node.dataset.yours !== person;
  const clock = document.getElementById("clock");
  if (clock) tocsin.write(clock, new Date(now).toISOString().slice(11, 19));
  const word = document.getElementById("live-word");
  if (word) tocsin.write(word, document.body.hasAttribute("data-stale") || age > tocsin.STALE_MS ? "not live" : `live, ${tocsin.span(age)}`);
};

tocsin.offset = (Date.parse(document.body.dataset.now) || Date.now()) - Date.now();
tocsin.count();
setInterval(tocsin.count, 1000);
