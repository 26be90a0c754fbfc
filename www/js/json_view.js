// json_view.js - a JSON value as a tree that folds. Deep and long parts start closed and are built when opened.

import { element, setText } from "./dom.js";
import { bytes } from "./format.js";

const OPEN_DEPTH = 2;
const SHOWN = 200; // members built at once: a result of six megabytes must not freeze the page
const LONG = 400;  // characters of a string shown before somebody asks for the rest

function leaf(label, value) {
  const text = JSON.stringify(value);
  const node = element("span", { class: typeof value === "string" ? "string" : "plain" }, text);
  const line = element("div", { class: "leaf" }, label, node);
  if (text.length > LONG) {
    node.textContent = `${text.slice(0, LONG / 2)}…`;
    const more = element("button", { type: "button", class: "small", onclick: () => { node.textContent = text; more.remove(); } }, `all of it (${bytes(text.length)})`);
    line.append(" ", more);
  }
  return line;
}

function members(value) {
  return Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
}

function fillFrom(parent, entries, start, depth) {
  for (const [key, item] of entries.slice(start, start + SHOWN)) parent.append(node(key, item, depth));
  const left = entries.length - start - SHOWN;
  if (left <= 0) return;
  const more = element("button", { type: "button", class: "small", onclick: () => { more.remove(); fillFrom(parent, entries, start + SHOWN, depth); } }, `${left} more`);
  parent.append(more);
}

// What is inside of a closed part, in a few words.
function preview(value) {
  const words = [];
  let length = 0;
  for (const [key, item] of Array.isArray(value) ? value.slice(0, 20).map((one) => ["", one]) : Object.entries(value).slice(0, 20)) {
    const text = item === null || typeof item !== "object" ? JSON.stringify(item) : Array.isArray(item) ? "[…]" : "{…}";
    const word = `${key ? `${key}: ` : ""}${text.length > 24 ? `${text.slice(0, 20)}…` : text}`;
    length += word.length + 2;
    if (length > 72) return `${words.join(", ")}, …`.replace(/^, /, "");
    words.push(word);
  }
  return words.join(", ");
}

function node(key, value, depth) {
  const label = key === null ? "" : [element("span", { class: "key" }, key), ": "];
  if (value === null || typeof value !== "object") return leaf(label, value);
  const entries = members(value);
  const brackets = Array.isArray(value) ? "[]" : "{}";
  if (entries.length === 0) return element("div", { class: "leaf" }, label, element("span", { class: "plain" }, brackets));
  const shape = `${brackets[0]} ${entries.length} ${brackets[1]}`;
  const words = element("span", { class: "preview note" });
  const details = element("details", {}, element("summary", {}, label, element("span", { class: "note" }, shape), words));
  let built = false;
  const build = () => {
    setText(words, details.open ? "" : preview(value));
    if (built || !details.open) return;
    built = true;
    fillFrom(details, entries, 0, depth + 1);
  };
  details.addEventListener("toggle", build);
  details.open = depth < OPEN_DEPTH && entries.length <= SHOWN;
  build();
  return details;
}

export function jsonTree(value, name) {
  return element("div", { class: "json-tree mono", tabindex: 0, role: "region", "aria-label": `${name} as JSON` }, node(null, value, 0));
}
