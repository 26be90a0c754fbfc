// log_view.js - a log that follows while it grows, and lets go when the reader scrolls up.

import { element } from "./dom.js";
import { part } from "./api.js";
import { bytes } from "./format.js";

const KEPT = 512 * 1024; // characters in the page; the whole log is a click away

export function logView(id) {
  const text = element("pre", { class: "log", tabindex: 0, role: "log", "aria-label": "Log", "aria-live": "off" });
  const note = element("p", { class: "note" });
  const jump = element("button", { type: "button", hidden: true, onclick: () => { follow = true; toEnd(); } }, "Follow");
  let follow = true;
  let next = 0;
  const decoder = new TextDecoder();

  function toEnd() {
    text.scrollTop = text.scrollHeight;
    jump.hidden = true;
  }
  text.addEventListener("scroll", () => {
    follow = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    jump.hidden = follow;
  });

  function add(more) {
    const whole = text.textContent + more;
    text.textContent = whole.length > KEPT ? whole.slice(whole.length - KEPT) : whole;
    if (follow) toEnd();
  }

  // Fetches what has come since the last call. Throws like part().
  async function refresh(signal) {
    const response = await part(id, "log", { offset: next, signal });
    const start = Number(response.headers.get("X-Log-Offset") ?? next);
    const content = new Uint8Array(await response.arrayBuffer());
    if (start > next) {
      note.textContent = `The first ${bytes(start)} were dropped: the log was longer than is kept.`;
    }
    next = Number(response.headers.get("X-Log-Next") ?? start + content.length);
    if (content.length > 0) add(decoder.decode(content, { stream: true }));
    return content.length;
  }

  return { node: element("div", {}, note, text, element("p", { class: "row" }, jump)), refresh, isEmpty: () => next === 0 };
}
