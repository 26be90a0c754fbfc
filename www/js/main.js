// main.js - which view belongs to the address (#/, #/job/ID, #/new), the keyboard, the theme, the title.

import { showList } from "./list.js";
import { showJob } from "./job.js";
import { showNew } from "./new.js";
import { setTitle } from "./title.js";

const main = document.getElementById("view");
let leave = () => {}; // ends the timers and requests of the view that is shown

function route() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const parameters = new URLSearchParams(query);
  leave();
  main.replaceChildren();
  setTitle();
  const name = parts[0] === "job" && parts[1] ? "job" : parts[0] === "new" ? "new" : "list";
  for (const link of document.querySelectorAll("[data-nav]"))
    link.dataset.nav === name ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  if (name === "job") leave = showJob(main, parts[1]);
  else if (name === "new") leave = showNew(main, parameters);
  else leave = showList(main, parameters);
}

const THEMES = ["auto", "light", "dark"];

function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = theme[0].toUpperCase() + theme.slice(1);
  localStorage.setItem("jobgate-theme", theme);
}

document.getElementById("theme").addEventListener("click", () => {
  const now = localStorage.getItem("jobgate-theme") ?? "auto";
  applyTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});

const help = document.getElementById("help");
document.getElementById("help-button").addEventListener("click", () => help.showModal());

function moveSelection(step) {
  const rows = [...main.querySelectorAll("tr[data-job]")];
  if (rows.length === 0) return;
  const now = rows.findIndex((row) => row.classList.contains("selected"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, now + step))];
  for (const row of rows) row.classList.toggle("selected", row === next);
  next.querySelector("a").focus();
}

const KEYS = {
  "/": () => main.querySelector("#search")?.focus() ?? (location.hash = "#/?search"),
  j: () => moveSelection(1),
  k: () => moveSelection(-1),
  n: () => { location.hash = "#/new"; },
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (event.key === "Escape" && !event.target.closest?.("dialog")) { location.hash = "#/"; return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

applyTheme(localStorage.getItem("jobgate-theme") ?? "auto");
window.addEventListener("hashchange", route);
route();
