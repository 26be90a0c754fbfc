// download.js - a part of a job as a file. Fetched by the page, because a plain link would go without the key.

import { part } from "./api.js";
import { element, announce } from "./dom.js";

const ENDINGS = { "application/json": "json", "text/plain": "txt", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp" };

export function save(blob, name) {
  const type = blob.type.split(";")[0].trim();
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: `${name}.${ENDINGS[type] ?? (type.endsWith("+json") ? "json" : "bin")}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function downloadButton(label, id, name) {
  const button = element("button", { type: "button", class: "small", onclick: async () => {
    button.disabled = true;
    try { save(await (await part(id, name)).blob(), `${id}-${name}`); }
    catch (error) { announce(error.message); button.textContent = error.message; }
    button.disabled = false;
  } }, label);
  return button;
}
