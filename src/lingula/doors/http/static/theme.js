// Before anything is drawn: dark, unless this browser's user chose light.
"use strict";
try {
  if (localStorage.getItem("lingula-theme") === "light") document.documentElement.dataset.theme = "light";
} catch (error) {
  // Storage may be forbidden; then every page begins dark.
}
