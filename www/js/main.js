// main.js - which view belongs to the address (#/, #/job/ID, #/new), the keyboard, the key.

import { key, setKey } from "./api.js";
import { showList } from "./list.js";
import { showJob } from "./job.js";
import { showNew } from "./new.js";
import { setTitle } from "./title.js";

const main = document.getElementById("view");
const help = document.getElementById("help");
let leave = () => {}; // ends the timers and requests of the view that is shown
let shownAddress = null;
let lastOpened = null; // where the selection stands when the reader comes back to the list

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function route() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const parameters = new URLSearchParams(query);
  leave();
  main.replaceChildren();
  setTitle();
  const name = parts[0] === "job" && parts[1] ? "job" : parts[0] === "new" ? "new" : "list";
  for (const link of document.querySelectorAll("[data-nav]"))
    if (link.dataset.nav === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  if (name === "job") leave = showJob(main, parts[1]);
  else if (name === "new") leave = showNew(main, parameters);
  else leave = showList(main, parameters);
  if (shownAddress !== null && shownAddress !== location.hash && name !== "list") scrollTo(0, 0);
  // Readers of a screen are told that the view is another one; the focus of others is not moved by an address they opened.
  if (shownAddress !== null && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  if (name === "job") lastOpened = parts[1];
  shownAddress = location.hash;
}

function moveSelection(step) {
  const rows = [...main.querySelectorAll("tr[data-job]:not([hidden])")];
  if (rows.length === 0) return;
  let now = rows.findIndex((row) => row.classList.contains("selected"));
  if (now < 0) now = rows.findIndex((row) => row.dataset.job === lastOpened);
  const next = rows[Math.min(rows.length - 1, Math.max(0, now + step))];
  for (const row of rows) row.classList.toggle("selected", row === next);
  next.querySelector("a").focus();
}

// Back to the list as it was filtered; inside the list, out of the search, the selection, the filters.
function back() {
  const search = main.querySelector("#search");
  if (!search) {
    location.hash = "#/";
    return;
  }
  const selected = main.querySelector("tr.selected");
  if (search.value !== "" || document.activeElement === search) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
    search.blur();
  } else if (selected) {
    selected.classList.remove("selected");
    document.activeElement.blur();
  } else if (location.hash !== "" && location.hash !== "#/") location.hash = "#/";
}

const KEYS = {
  "/": () => {
    const search = main.querySelector("#search");
    if (search) search.focus();
    else location.hash = "#/?search";
  },
  j: () => moveSelection(1),
  k: () => moveSelection(-1),
  n: () => { location.hash = "#/new"; },
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    // Out of a field first: what was typed is not lost by one key.
    if (event.target.closest?.("textarea, select, input:not(#search)")) event.target.blur();
    else back();
    return;
  }
  const typing = event.target.closest?.("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

const keyButton = document.getElementById("key");
const showKey = () => { keyButton.hidden = key() === ""; };
keyButton.addEventListener("click", () => {
  setKey("");
  route();
});
addEventListener("jobgate-key", showKey);
showKey();

document.getElementById("help-button").addEventListener("click", () => help.showModal());
// The address has the view in it: a jump inside of the page is made by hand.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", route);
route();
