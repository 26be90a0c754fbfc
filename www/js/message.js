// message.js - when there is no view to show: what happened, in words, and a way on.

import { element } from "./dom.js";
import { setKey } from "./api.js";

const WORDS = {
  0: ["No answer", "The server cannot be reached. This page tries again by itself."],
  401: ["A key is needed", "This installation asks for a key. It is kept in this tab only and forgotten when the tab is closed."],
  403: ["Not with this key", "The key is known, but it may not do this."],
  404: ["Not found", "There is no job with this id here. Was the address copied whole?"],
  410: ["Expired", "This job has ended a while ago and its record was removed."],
};

function keyForm(again) {
  const input = element("input", { type: "password", placeholder: "jg_…", "aria-label": "Key", autocomplete: "off", size: 40 });
  return element("form", { class: "row", style: null, onsubmit: (event) => { event.preventDefault(); setKey(input.value.trim()); again(); } },
    input, element("button", { class: "primary" }, "Use this key"));
}

// `again` is called when the reader wants another try.
export function errorMessage(error, again) {
  const [title, text] = WORDS[error.status] ?? ["Something went wrong", "The server could not answer this request."];
  const detail = error.problem?.detail ?? (WORDS[error.status] ? null : error.message);
  const asksForKey = error.status === 401 || error.status === 403;
  return element("section", { class: "message", role: "alert" },
    element("h1", {}, title), element("p", {}, text), detail ? element("p", { class: "note" }, detail) : null,
    asksForKey ? keyForm(again) : null,
    element("p", {}, element("button", { type: "button", onclick: again }, "Try again"), " ", element("a", { class: "button", href: "#/" }, "All jobs")));
}
