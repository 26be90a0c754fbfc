// content_view.js - event or result of a job: a picture where it is one, a tree where it is JSON, text otherwise.

import { part } from "./api.js";
import { copyButton, element, replace } from "./dom.js";
import { downloadButton, save } from "./download.js";
import { bytes } from "./format.js";
import { jsonTree } from "./json_view.js";

const SHOWN_MOST = 2 << 20; // bytes that are shown in the page
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"]; // no SVG: it can have scripts
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

// The picture that a result like {"contentType": "image/png", "data": "<base64>"} holds, or null.
function imageOf(value, id) {
  if (value === null || typeof value !== "object" || !IMAGES.includes(value.contentType)) return null;
  if (typeof value.data !== "string" || value.data === "" || !BASE64.test(value.data)) return null;
  let content;
  try { content = Uint8Array.from(atob(value.data.replaceAll(/\s/g, "")), (character) => character.charCodeAt(0)); } catch { return null; }
  const blob = new Blob([content], { type: value.contentType });
  const source = `data:${value.contentType};base64,${value.data.replaceAll(/\s/g, "")}`;
  const size = value.width > 0 && value.height > 0 ? `, ${value.width} × ${value.height}` : "";
  return element("figure", {}, element("img", { class: "result", alt: "The result as a picture", src: source }),
    element("figcaption", { class: "row note" }, `${value.contentType}${size}, ${bytes(blob.size)}`,
      element("button", { type: "button", class: "small", onclick: () => save(blob, `${id}-picture`) }, "Save the picture")));
}

// The tree, and the text it was made of.
function jsonOf(value, text, title) {
  const tree = jsonTree(value, title);
  let pretty = text;
  try { pretty = JSON.stringify(value, null, 2); } catch { /* as it came, then */ }
  const plain = element("pre", { tabindex: 0, hidden: true, class: "raw", "aria-label": `${title} as text` });
  const swap = element("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => {
    plain.hidden = !plain.hidden;
    tree.hidden = !plain.hidden;
    if (plain.textContent === "") plain.textContent = pretty;
    swap.setAttribute("aria-pressed", String(!plain.hidden));
  } }, "As text");
  return { nodes: [tree, plain], swap };
}

export function contentView(title, id, name) {
  const body = element("div");
  const tools = element("p", { class: "row" });
  const headId = `${name}-title`;
  const node = element("section", { class: "sheet", hidden: true, "aria-labelledby": headId }, element("div", { class: "head" }, element("h2", { id: headId }, title), tools), body);
  let loaded = false;

  function say(words, bad = false) {
    node.hidden = false;
    replace(tools);
    replace(body, element("p", { class: bad ? "note bad" : "note" }, words));
  }
  async function show(response) {
    const blob = await response.blob();
    const type = (response.headers.get("Content-Type") ?? "").split(";")[0].trim();
    const download = downloadButton(`Download (${bytes(blob.size)})`, id, name);
    const readable = type === "text/plain" || type === "application/json" || type.endsWith("+json");
    if (!readable || blob.size > SHOWN_MOST) {
      say(readable ? "Too large to be shown here." : `Not text (${type || "of no type"}).`);
      replace(tools, download);
      return;
    }
    const text = await blob.text();
    node.hidden = false;
    let value;
    try { value = JSON.parse(text); } catch { /* text, then */ }
    if (value === undefined) {
      replace(body, element("pre", { tabindex: 0, class: "raw", "aria-label": title }, text));
      replace(tools, copyButton("Copy", () => text, { class: "small" }), download);
      return;
    }
    const { nodes, swap } = jsonOf(value, text, title);
    replace(body, imageOf(value, id), nodes);
    replace(tools, swap, copyButton("Copy", () => text, { class: "small" }), download);
  }
  // Once.
  async function load(signal) {
    if (loaded) return;
    loaded = true;
    try {
      await show(await part(id, name, { signal }));
    } catch (error) {
      if (error.name === "AbortError" || error.status === 0 || error.status >= 500) loaded = false;
      else say(error.status === 410 ? "The content was erased." : error.message, error.status !== 410);
    }
  }
  function hide() {
    say("");
    node.hidden = true;
  }
  return { node, load, say, hide };
}
