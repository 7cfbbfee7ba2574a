// The radiograph: heat map, level and width, enlarging, moving. Grey levels change in the browser; nothing is fetched again.
"use strict";

const viewer = (() => {
  const stage = document.getElementById("stage");
  const layers = document.getElementById("layers");
  if (!stage || !layers) return { keys: {} };
  const get = (id) => document.getElementById(id);
  const picture = layers.querySelector(".radiograph");
  const [level, width, strength, heatSwitch, invert] = ["level", "width", "heat-strength", "heat-switch", "invert"].map(get);
  const view = { scale: 1, x: 0, y: 0 };

  for (const hidden of document.querySelectorAll(".scripted")) hidden.hidden = false;
  if (!get("heat")) strength?.closest("label").setAttribute("hidden", "");

  // The picture fills the stage without being cropped.
  function fit() {
    const w = Number(layers.dataset.width) || picture.naturalWidth || 1;
    const h = Number(layers.dataset.height) || picture.naturalHeight || 1;
    const scale = Math.min(stage.clientWidth / w, stage.clientHeight / h);
    layers.style.width = `${w * scale}px`;
    layers.style.height = `${h * scale}px`;
    layers.classList.add("is-fitted");
  }

  // A grey level g, 0-1, becomes (g - (level - width / 2)) / width: the linear VOI LUT of DICOM PS3.3 C.11.2.1.2.
  function window_() {
    const centre = Number(level.value) / 255;
    const wide = Number(width.value) / 255;
    const isInverted = invert.getAttribute("aria-pressed") === "true";
    const slope = (isInverted ? -1 : 1) / wide;
    const intercept = isInverted ? 1 + (centre - wide / 2) / wide : -(centre - wide / 2) / wide;
    for (const channel of document.querySelectorAll("#window [type=linear]")) {
      channel.setAttribute("slope", slope);
      channel.setAttribute("intercept", intercept);
    }
    const isPlain = level.value === "128" && width.value === "255" && !isInverted;
    picture.style.filter = isPlain ? "" : "url(#window)";
  }

  function place() { layers.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`; }

  // Enlarges around a point of the stage.
  function enlarge(by, clientX, clientY) {
    const box = layers.getBoundingClientRect();
    const scale = Math.min(8, Math.max(1, view.scale * by));
    const grown = scale / view.scale;
    view.x -= (clientX - box.left) * (grown - 1);
    view.y -= (clientY - box.top) * (grown - 1);
    view.scale = scale;
    if (scale === 1) { view.x = 0; view.y = 0; }
    place();
  }

  function enlargeMiddle(by) {
    const box = stage.getBoundingClientRect();
    enlarge(by, box.left + box.width / 2, box.top + box.height / 2);
  }

  function reset() {
    Object.assign(view, { scale: 1, x: 0, y: 0 });
    level.value = "128";
    width.value = "255";
    invert.setAttribute("aria-pressed", "false");
    window_();
    place();
  }

  function toggleInvert() {
    invert.setAttribute("aria-pressed", String(invert.getAttribute("aria-pressed") !== "true"));
    window_();
  }

  function heat() {
    const drawn = get("heat");
    if (drawn && strength) drawn.style.opacity = String(Number(strength.value) / 100);
  }

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    enlarge(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    const from = { x: event.clientX - view.x, y: event.clientY - view.y };
    const move = (moved) => {
      if (view.scale === 1) return;
      view.x = moved.clientX - from.x;
      view.y = moved.clientY - from.y;
      place();
    };
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", () => stage.removeEventListener("pointermove", move), { once: true });
  });
  stage.addEventListener("dblclick", reset);
  level.addEventListener("input", window_);
  width.addEventListener("input", window_);
  strength?.addEventListener("input", heat);
  invert.addEventListener("click", toggleInvert);
  get("reset").addEventListener("click", reset);
  addEventListener("resize", fit);
  picture.addEventListener("load", fit);
  fit();
  heat();

  return {
    keys: {
      h: () => heatSwitch?.click(),
      i: toggleInvert,
      0: reset,
      "+": () => enlargeMiddle(1.25),
      "=": () => enlargeMiddle(1.25),
      "-": () => enlargeMiddle(1 / 1.25),
    },
  };
})();
