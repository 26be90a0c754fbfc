// dom.js - building elements. Text is always text: nothing here, or anywhere else, parses HTML.

// element("a", { href: "#/", class: "chip", onclick: f }, "text", child, …). A null child or attribute is left out.
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

const isThere = (value) => value !== null && value !== undefined && value !== false;

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (!isThere(value)) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter(isThere));
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter(isThere));
}

// Writes only what differs, so that a selection or a screen reader is not disturbed by every refresh.
export function setText(node, text) {
  if (node.shownText === text) return;
  node.shownText = text;
  node.textContent = text;
}

// Builds again only what is made of something that has changed: what has the focus keeps it.
export function region(attributes = {}, name = "div") {
  const node = element(name, attributes);
  let shown;
  return {
    node,
    show(source, build) {
      const signature = JSON.stringify(source);
      if (signature === shown) return;
      shown = signature;
      replace(node, build());
    },
  };
}

export function announce(text) {
  document.getElementById("announce").textContent = text;
}

async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS there is no clipboard object; a selection still can be copied.
  const area = element("textarea", { class: "visually-hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}

// `text` may be a promise of the text.
export async function copy(button, text) {
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await toClipboard(await text);
    button.textContent = "Copied";
    announce("Copied");
  } catch {
    button.textContent = "Not allowed by the browser";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

export function copyButton(label, text, attributes = {}) {
  return element("button", { type: "button", ...attributes, onclick: (event) => copy(event.currentTarget, text()) }, label);
}

// A button that opens a few more. Closes by Escape, a click elsewhere, or when one of them was chosen.
export function menu(label, ...items) {
  const list = element("div", { class: "menu-list" }, items);
  const node = element("details", { class: "menu" }, element("summary", { class: "button" }, label), list);
  const close = () => { node.open = false; };
  list.addEventListener("click", (event) => { if (event.target.closest(".closes")) close(); });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    event.stopPropagation();
    close();
    node.firstChild.focus();
  });
  node.addEventListener("focusout", (event) => { if (event.relatedTarget && !node.contains(event.relatedTarget)) close(); });
  const outside = (event) => { if (!node.contains(event.target)) close(); };
  node.addEventListener("toggle", () => {
    if (node.open) document.addEventListener("click", outside);
    else document.removeEventListener("click", outside);
  });
  return node;
}
