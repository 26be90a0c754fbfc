// message.js - when there is no view to show: what happened, in words, and a way on.

import { element } from "./dom.js";
import { key, setKey } from "./api.js";

const WORDS = {
  0: ["No answer", "The server cannot be reached. This page tries again by itself."],
  400: ["Not understood", "The server does not understand this address."],
  401: ["A key is needed", "This installation asks for a key. It is kept in this tab only and forgotten when the tab is closed."],
  403: ["Not with this key", "The key is known here, but it may not do this."],
  404: ["Not found", "There is no job with this id here. Was the address copied whole?"],
  410: ["Gone", "This job ended a while ago, and its record was removed when its time was over."],
  429: ["Too many requests", "The server asks for a pause. This page tries again by itself."],
};
const OURS = ["The server has trouble", "It could not answer. This page tries again by itself."];

function wordsFor(error) {
  if (error.status === 401 && key()) return ["This key is not known", "It may have been mistyped, or it was removed. The page asks for another one."];
  if (error.status === 403 && !key()) return ["A key is needed", "Without a key this is not allowed here. The key is kept in this tab only."];
  return WORDS[error.status] ?? OURS;
}

function keyForm(again) {
  const input = element("input", { type: "password", placeholder: "jg_…", "aria-label": "Key", autocomplete: "off", class: "mono key-input", required: true });
  const use = (event) => {
    event.preventDefault();
    setKey(input.value.trim());
    again();
  };
  return element("form", { class: "row centred", onsubmit: use }, input, element("button", { class: "primary" }, "Use this key"));
}

// `again` is called when the reader wants another try.
export function errorMessage(error, again) {
  const [title, text] = wordsFor(error);
  const asksForKey = error.status === 401 || error.status === 403;
  const detail = [404, 410].includes(error.status) ? null : WORDS[error.status] ? error.problem?.detail : error.message;
  return element("section", { class: "message" },
    element("div", { role: "alert" }, element("h1", {}, title), element("p", {}, text),
      detail && !asksForKey ? element("p", { class: "note" }, detail) : null),
    asksForKey ? keyForm(again) : null,
    element("p", { class: "row centred" }, element("button", { type: "button", onclick: again }, "Try again"),
      element("a", { class: "button", href: "#/" }, "All jobs")));
}

// True when trying again by itself would not help.
export function isFinal(error) {
  return [400, 401, 403, 404, 410].includes(error.status);
}
