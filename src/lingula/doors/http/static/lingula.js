// What every page shares: the theme button, the list of keys, asking the server politely.
"use strict";

const lingula = {
  // Keys mean something unless somebody is typing.
  isTyping(event) {
    return event.ctrlKey || event.metaKey || event.altKey || Boolean(event.target.closest?.("input:not([type=radio], [type=checkbox], [type=range]), textarea, select, dialog[open]"));
  },

  // Calls one of the functions of `keys` by the key's name.
  onKeys(keys) {
    document.addEventListener("keydown", (event) => {
      if (lingula.isTyping(event) || event.defaultPrevented) return;
      const action = keys[event.key];
      if (!action) return;
      event.preventDefault();
      action(event);
    });
  },

  // Follows the events of this server; `onChange` is given those of each `everyMilliseconds` together.
  follow(onChange, everyMilliseconds) {
    const live = document.getElementById("live");
    const show = (isLive) => {
      if (!live) return;
      live.hidden = false;
      live.classList.toggle("is-off", !isLive);
      live.textContent = isLive ? "live" : "not connected";
    };
    let gathered = [];
    const soon = (event) => {
      if (!gathered.length) setTimeout(() => { const some = gathered; gathered = []; onChange(some); }, everyMilliseconds);
      gathered.push(JSON.parse(event.data));
    };
    const source = new EventSource("/api/v1/events");
    source.onopen = () => show(true);
    source.onerror = () => show(false);
    for (const action of ["instance_received", "instance_assessed", "instance_not_eligible", "assessment_failed", "instance_replayed", "study_claimed", "study_reviewed"]) {
      source.addEventListener(action, soon);
    }
    addEventListener("pagehide", () => source.close());
  },
};

const help = document.getElementById("help");
const helpButton = document.getElementById("help-button");
if (help && helpButton) {
  const toggle = () => (help.open ? help.close() : help.showModal());
  helpButton.hidden = false;
  helpButton.addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && (help.open || !lingula.isTyping(event))) { event.preventDefault(); toggle(); }
  });
}

const themeButton = document.getElementById("theme-button");
if (themeButton) {
  const root = document.documentElement;
  const name = () => { themeButton.textContent = root.dataset.theme === "light" ? "Dark" : "Light"; };
  themeButton.hidden = false;
  name();
  themeButton.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
    try { localStorage.setItem("lingula-theme", root.dataset.theme); } catch (error) { /* this page only, then */ }
    name();
  });
}

document.addEventListener("error", (event) => {
  // A picture that cannot be drawn leaves its place, without a broken sign.
  if (event.target instanceof HTMLImageElement) event.target.classList.add("is-missing");
}, true);
