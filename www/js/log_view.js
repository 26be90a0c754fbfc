// log_view.js - a log that follows while it grows, and lets go when the reader scrolls up.

import { copyButton, element, setText } from "./dom.js";
import { part } from "./api.js";
import { bytes } from "./format.js";
import { downloadButton } from "./download.js";

const KEPT = 512 * 1024; // characters in the page; the whole log is a click away
const COLOURS = /\u001b\[[0-9;?]*[A-Za-z]/g; // what terminals draw with

export function logView(id) {
  const text = element("pre", { class: "log", tabindex: 0, role: "log", "aria-label": "Log", "aria-live": "off", hidden: true });
  const note = element("p", { class: "note" });
  const jump = element("button", { type: "button", class: "jump", hidden: true, onclick: () => { follow = true; toEnd(); } }, "Follow ↓");
  const tools = element("p", { class: "row", hidden: true }, copyButton("Copy", () => shown, { class: "small" }), downloadButton("Download", id, "log"));
  const node = element("section", { class: "sheet", "aria-labelledby": "log-title" }, element("div", { class: "head" }, element("h2", { id: "log-title" }, "Log"), tools),
    note, element("div", { class: "log-frame" }, text, jump));
  const decoder = new TextDecoder();
  let shown = "";
  let follow = true;
  let next = 0;

  function toEnd() {
    text.scrollTop = text.scrollHeight;
    jump.hidden = true;
  }
  text.addEventListener("scroll", () => {
    follow = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    jump.hidden = follow;
  });

  function add(more) {
    const clean = more.replace(COLOURS, "").replaceAll("\r\n", "\n");
    shown += clean;
    if (shown.length > KEPT) {
      shown = shown.slice(shown.indexOf("\n", shown.length - KEPT) + 1);
      text.textContent = shown;
    } else text.append(clean);
    text.hidden = tools.hidden = false;
    if (follow) toEnd();
  }

  // Fetches what has come since the last call. Throws like part().
  async function refresh(signal) {
    const response = await part(id, "log", { offset: next, signal });
    const start = Number(response.headers.get("X-Log-Offset") ?? next);
    const content = new Uint8Array(await response.arrayBuffer());
    if (start > next) setText(note, next === 0 ? `The first ${bytes(start)} are not kept: the log is longer than that.` : `${bytes(start - next)} came faster than they are kept.`);
    next = Number(response.headers.get("X-Log-Next") ?? start + content.length);
    if (content.length > 0) add(decoder.decode(content, { stream: true }));
    return content.length;
  }

  return {
    node,
    refresh,
    isEmpty: () => shown === "",
    // What stands there while there is nothing: "Nothing yet", "Nothing was written".
    sayEmpty: (words) => { if (shown === "" && next === 0) setText(note, words); else if (note.shownText === "Nothing written yet.") setText(note, ""); },
    // To the end, once it can be seen.
    settle: () => { if (follow) toEnd(); },
    clear: (words) => {
      shown = text.textContent = "";
      text.hidden = tools.hidden = jump.hidden = true;
      setText(note, words);
    },
    lastLines: (count) => shown.trimEnd().split("\n").slice(-count).join("\n"),
  };
}
