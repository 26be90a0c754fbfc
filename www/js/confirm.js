// confirm.js - asks before what cannot be undone.

import { element } from "./dom.js";

// Resolves to null (no) or to { reason }. The safe answer has the focus.
export function confirmation({ title, text, yes, no = "Keep it", asksReason = false }) {
  const reason = element("input", { maxlength: 200, autocomplete: "off", id: "confirm-reason" });
  const dialog = element("dialog", { "aria-labelledby": "confirm-title", class: "confirm" },
    element("h2", { id: "confirm-title" }, title), element("p", {}, text),
    element("form", { method: "dialog" },
      asksReason ? element("label", { class: "field" }, element("span", {}, "Reason (optional)"), reason) : null,
      element("div", { class: "row end" }, element("button", { value: "no", type: "submit", autofocus: !asksReason, formnovalidate: true }, no), element("button", { value: "yes", type: "submit", class: "danger" }, yes))));
  // Enter in the field must not press the first button: it means yes to what was typed.
  reason.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    dialog.close("yes");
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue === "yes" ? { reason: reason.value.trim() } : null);
  }, { once: true }));
}
