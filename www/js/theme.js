// theme.js - light, dark or as the system has it. Not a module: it runs before the page is painted, so nothing flashes.

"use strict";

const THEMES = ["auto", "light", "dark"];

function storedTheme() {
  try {
    const theme = localStorage.getItem("jobgate-theme");
    return THEMES.includes(theme) ? theme : "auto";
  } catch {
    return "auto"; // storage is forbidden here: the system's choice will do
  }
}

function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

applyTheme(storedTheme());

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  let now = storedTheme();
  const label = () => {
    button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[now];
    button.setAttribute("aria-label", `Colours: ${button.textContent}`);
  };
  label();
  button.addEventListener("click", () => {
    now = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    applyTheme(now);
    label();
    try { localStorage.setItem("jobgate-theme", now); } catch { /* then for this visit only */ }
  });
});
