// json_view.js - a JSON value as a tree that folds. Deep and long parts start closed and are built when opened.

import { element } from "./dom.js";

const OPEN_DEPTH = 2;
const SHOWN = 200; // members built at once: a result of six megabytes must not freeze the page

function leaf(label, value) {
  const text = typeof value === "string";
  return element("div", { class: "leaf" }, label, element("span", { class: text ? "string" : "plain" }, JSON.stringify(value)));
}

function members(value) {
  return Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
}

function fillFrom(parent, entries, start, depth) {
  for (const [key, item] of entries.slice(start, start + SHOWN)) parent.append(node(key, item, depth));
  const left = entries.length - start - SHOWN;
  if (left > 0) {
    const more = element("button", { type: "button", onclick: () => { more.remove(); fillFrom(parent, entries, start + SHOWN, depth); } }, `${left} more`);
    parent.append(more);
  }
}

function node(key, value, depth) {
  const label = key === null ? "" : [element("span", { class: "key" }, key), ": "];
  if (value === null || typeof value !== "object") return leaf(label, value);
  const entries = members(value);
  const shape = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const details = element("details", {}, element("summary", {}, label, element("span", { class: "note" }, shape)));
  let built = false;
  const build = () => { if (!built && details.open) { built = true; fillFrom(details, entries, 0, depth + 1); } };
  details.addEventListener("toggle", build);
  details.open = depth < OPEN_DEPTH && entries.length <= SHOWN;
  build();
  return details;
}

export function jsonTree(value) {
  return element("div", { class: "json-tree mono", tabindex: 0, role: "region", "aria-label": "JSON" }, node(null, value, 0));
}
