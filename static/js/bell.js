// The bell: sound, title, favicon and notification for what nobody has taken yet.
"use strict";
(() => {
  const region = () => document.getElementById("p-bell");
  const arm = document.getElementById("arm");
  const icon = document.getElementById("favicon");
  if (!region() || !arm) return;
  const marks = { down: "\u25b2", risk: "\u25cf", unknown: "\u25a8" };
  const calm = icon.getAttribute("href");
  const told = new Set();
  let sound = null;
  let pealing = 0;

  const isArmed = () => sound !== null && sound.state === "running";

  function strike() {
    for (const [after, pitch] of [[0, 880], [0.28, 660]]) {
      const tone = sound.createOscillator();
      const gain = sound.createGain();
      const start = sound.currentTime + after;
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.0001, start);
      gain.gain.exponentialRampToValueAtTime(0.5, start + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
      tone.connect(gain).connect(sound.destination);
      tone.start(start);
      tone.stop(start + 1);
    }
  }

  function notify(ids) {
    const fresh = ids.filter((id) => !told.has(id));
    fresh.forEach((id) => told.add(id));
    if (!fresh.length || !("Notification" in window) || Notification.permission !== "granted") return;
    new Notification("Tocsin rings", { body: region().dataset.says, tag: fresh[0], requireInteraction: true });
  }

  function show() {
    const { rings, tone, sentence, incident } = region().dataset;
    const ids = rings ? rings.split(" ") : [];
    const own = document.title.replace(/^[\u25b2\u25cf\u25a8] /, "");
    document.title = (tone && marks[tone] ? `${marks[tone]} ` : "") + (document.body.querySelector("#p-voice") ? `${sentence} \u00b7 Tocsin` : own);
    icon.href = tone === "down" || tone === "risk" ? calm.replace("calm", tone) : tone ? calm.replace("calm", "unknown") : calm;
    document.body.toggleAttribute("data-ringing", ids.length > 0);
    notify(ids);
    if (ids.length && isArmed() && !pealing) { strike(); pealing = setInterval(strike, 2500); }
    if (!ids.length && pealing) { clearInterval(pealing); pealing = 0; }
    arm.textContent = ids.length ? (isArmed() ? "Ringing" : "Ringing: click for sound") : isArmed() ? "Bell armed" : "Arm the bell";
    arm.setAttribute("aria-pressed", String(isArmed()));
    followOnWall(incident);
  }

  function followOnWall(incident) {
    if (!document.documentElement.hasAttribute("data-wall")) return;
    const at = location.pathname.match(/^\/incidents\/(\d+)\/$/);
    if (incident && (!at || at[1] !== incident)) location.assign(`/incidents/${incident}/?wall=1`);
    if (!incident && at) location.assign("/?wall=1");
  }

  async function wake() {
    sound ??= new AudioContext();
    if (sound.state !== "running") await sound.resume();
    show();
  }

  arm.hidden = false;
  arm.addEventListener("click", () => {
    wake();
    if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
  });
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake, { once: true });
  new MutationObserver(show).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-rings", "data-sentence", "data-tone", "data-incident"] });
  show();
})();
