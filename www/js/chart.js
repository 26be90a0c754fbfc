// chart.js - small charts as SVG: bars that stand on each other and lines, with axes, a legend that tells the values under the
// pointer, and the same figures as a table.

import { element, replace, setText, svgElement } from "./dom.js";

const HEIGHT = 150;
const LEFT = 46;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 22;

// The least 1, 2 or 5 times a power of ten, at least `least`, that three lines reach `most` with.
function niceStep(most, least) {
  const rough = Math.max(most / 3, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

const sum = (point, series) => series.reduce((total, one) => total + (point[one.key] ?? 0), 0);

function highest(points, series) {
  const bars = series.filter((one) => one.kind === "bar");
  const others = series.filter((one) => one.kind !== "bar");
  return Math.max(0, ...points.map((point) => Math.max(sum(point, bars), ...others.map((one) => point[one.key] ?? 0))));
}

// Lines break where a value is missing; a value alone between gaps is a dot.
function piecesOf(points, key, x, y) {
  const pieces = [];
  let piece = [];
  points.forEach((point, index) => {
    if (point[key] === undefined) { if (piece.length > 0) pieces.push(piece); piece = []; }
    else piece.push([x(index), y(point[key])]);
  });
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

function line(points, { key, look }, x, y) {
  const pieces = piecesOf(points, key, x, y);
  const path = pieces.filter((list) => list.length > 1).map((list) => list.map(([px, py], at) => `${at === 0 ? "M" : "L"}${px.toFixed(1)} ${py.toFixed(1)}`).join("")).join("");
  const dots = pieces.filter((list) => list.length === 1).map(([[cx, cy]]) => svgElement("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 2.5, class: look }));
  return [svgElement("path", { d: path, class: `line ${look}` }), dots].flat();
}

// { node, show(points, marks) }. `series`: [{ key, name, kind: "bar" | "line", look }]; `words` writes a value; `least` is the
// smallest step of the axis; `total` tells what the legend says while nothing is pointed at: "sum", "last" or "most".
export function chart({ title, series, words, least = 1, total = "sum" }) {
  const picture = svgElement("svg", { class: "chart", role: "img", height: HEIGHT, width: "100%" });
  const values = series.map(() => element("b"));
  const legend = element("ul", { class: "legend" }, series.map((one, index) => element("li", {}, element("span", { class: `swatch ${one.look}` }), `${one.name} `, values[index])));
  const when = element("span", { class: "note" });
  const node = element("figure", { class: "chart-figure" }, element("figcaption", {}, element("h3", {}, title), when), picture, legend);
  let points = [];
  let timeOf = () => "";
  let markIndexes = [];
  let place = null;

  function tell(index = -1) {
    const at = points[index];
    setText(when, at ? timeOf(at) : "");
    series.forEach((one, number) => {
      const all = points.map((point) => point[one.key]).filter((value) => value !== undefined);
      const value = at ? at[one.key] : total === "sum" ? all.reduce((a, b) => a + b, 0) : total === "last" ? all.at(-1) : all.length > 0 ? Math.max(...all) : undefined;
      setText(values[number], value === undefined ? "–" : words(value));
    });
  }
  function axes(width, y, x, step, top) {
    const parts = [];
    for (let value = 0; value <= top + step / 1000; value += step) {
      parts.push(svgElement("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: value === 0 ? "axis" : "grid" }),
        svgElement("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value === 0 ? "0" : words(value)));
    }
    for (const index of markIndexes)
      parts.push(svgElement("text", { x: x(index), y: HEIGHT - 6, "text-anchor": "middle" }, timeOf(points[index])));
    return parts;
  }
  function bars(y, x, slot) {
    const list = series.filter((one) => one.kind === "bar");
    const width = Math.max(1, slot * 0.76);
    return points.flatMap((point, index) => {
      let below = 0;
      return list.filter((one) => point[one.key] > 0).map((one) => {
        const from = below;
        below += point[one.key];
        return svgElement("rect", { x: (x(index) - width / 2).toFixed(1), width: width.toFixed(1), y: y(below).toFixed(1), height: (y(from) - y(below)).toFixed(1), class: one.look });
      });
    });
  }
  function draw() {
    const width = Math.max(220, picture.clientWidth || 360);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    if (points.length === 0) { replace(picture); return; }
    const step = niceStep(highest(points, series), least);
    const top = Math.max(step, Math.ceil(highest(points, series) / step - 1e-9) * step);
    const slot = (width - LEFT - RIGHT) / points.length;
    const x = (index) => LEFT + slot * (index + 0.5);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    place = { slot };
    const lines = series.filter((one) => one.kind === "line").flatMap((one) => line(points, one, x, y));
    replace(picture, axes(width, y, x, step, top), bars(y, x, slot), lines, svgElement("line", { class: "pointer", y1: TOP, y2: HEIGHT - BOTTOM, x1: -9, x2: -9 }));
    picture.setAttribute("aria-label", `${title}: ${series.map((one, index) => `${one.name} ${values[index].textContent}`).join(", ")}`);
  }
  function point(event) {
    if (!place || points.length === 0) return;
    const inside = event.clientX - picture.getBoundingClientRect().left - LEFT;
    const index = Math.min(points.length - 1, Math.max(0, Math.floor(inside / place.slot)));
    const pointer = picture.querySelector(".pointer");
    pointer?.setAttribute("x1", LEFT + place.slot * (index + 0.5));
    pointer?.setAttribute("x2", LEFT + place.slot * (index + 0.5));
    tell(index);
  }
  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerdown", point);
  picture.addEventListener("pointerleave", () => { tell(); draw(); });
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(picture);

  return {
    node,
    // `marks`: indexes that get a time under the axis; `time` writes a point's time.
    show(list, marks, time) {
      points = list;
      markIndexes = marks;
      timeOf = time;
      tell();
      draw();
    },
    stop: () => watcher.disconnect(),
  };
}
