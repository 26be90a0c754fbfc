// charts.js - the last hour or day in three charts, from /stats. Asked for only while they are open and the tab is shown.

import { getStats } from "./api.js";
import { chart } from "./chart.js";
import { element, replace, setText } from "./dom.js";
import { duration } from "./format.js";
import { beside } from "./live.js";
import { remember, remembered } from "./settings.js";

const EVERY = { hour: 10000, day: 60000 }; // ms
const WINDOWS = { hour: "Last hour", day: "Last day" };
const COLUMNS = [["submitted", "Submitted"], ["succeeded", "Succeeded"], ["failed", "Failed"], ["cancelled", "Cancelled"],
  ["waiting", "Waiting"], ["running", "Running"], ["p50Ms", "p50"], ["p95Ms", "p95"]];
const whole = (value) => Math.round(value).toLocaleString();

const timeOf = (point) => new Date(point.start).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

// Four or five round times: every quarter of an hour, every six hours.
function marksOf(points, window) {
  const step = window === "hour" ? 15 : 360;
  const found = points.map((point, index) => [new Date(point.start), index])
    .filter(([date]) => (date.getHours() * 60 + date.getMinutes()) % step === 0).map(([, index]) => index);
  return found.filter((index) => index > 0 && index < points.length - 1);
}

function table(points) {
  const rows = points.toReversed().filter((point) => COLUMNS.some(([key]) => point[key] > 0))
    .map((point) => element("tr", {}, element("th", { scope: "row" }, timeOf(point)),
      COLUMNS.map(([key]) => element("td", { class: "number" }, point[key] === undefined ? "–" : key.endsWith("Ms") ? duration(point[key]) : whole(point[key])))));
  if (rows.length === 0) return element("p", { class: "note" }, "Nothing happened in this time.");
  return element("table", { class: "figures" }, element("caption", { class: "visually-hidden" }, "What happened, newest first"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Time"), COLUMNS.map(([, name]) => element("th", { scope: "col", class: "number" }, name)))),
    element("tbody", {}, rows));
}

export function chartsPanel() {
  const settings = remembered("charts", { open: matchMedia("(min-width: 46rem)").matches, window: "hour" });
  if (!WINDOWS[settings.window]) settings.window = "hour";
  const charts = [
    chart({ title: "Jobs", words: whole, series: [
      { key: "succeeded", name: "Succeeded", kind: "bar", look: "ok" }, { key: "failed", name: "Failed", kind: "bar", look: "bad" },
      { key: "cancelled", name: "Cancelled", kind: "bar", look: "cut" }, { key: "submitted", name: "Submitted", kind: "line", look: "in" }] }),
    chart({ title: "Waiting and running", words: whole, total: "last", series: [
      { key: "waiting", name: "Waiting", kind: "line", look: "in" }, { key: "running", name: "Running", kind: "line", look: "run" }] }),
    chart({ title: "Duration of attempts", words: duration, least: 1, total: "last", series: [
      { key: "p50Ms", name: "p50", kind: "line", look: "mid" }, { key: "p95Ms", name: "p95", kind: "line", look: "high" }] }),
  ];
  const figures = element("div", { class: "figures-frame", role: "region", "aria-label": "Figures", tabindex: 0, hidden: true });
  const asTable = element("button", { type: "button", class: "small", "aria-pressed": "false", onclick: toggleTable }, "As a table");
  const switches = Object.entries(WINDOWS).map(([window, name]) => element("button", { type: "button", class: "small", "data-window": window, onclick: () => choose(window) }, name));
  const problem = element("p", { class: "note" });
  const pictures = element("div", { class: "charts" }, charts.map((one) => one.node));
  const node = element("details", { class: "sheet panel", open: settings.open },
    element("summary", {}, element("h2", {}, "What happened")),
    element("div", { class: "row panel-tools" }, switches, element("span", { class: "grow" }), asTable), problem, pictures, figures);
  let points = [];

  function mark() {
    for (const one of switches) one.setAttribute("aria-pressed", String(one.dataset.window === settings.window));
  }
  function toggleTable() {
    const on = figures.hidden;
    figures.hidden = !on;
    pictures.hidden = on;
    asTable.setAttribute("aria-pressed", String(on));
    show();
  }
  function show() {
    if (!figures.hidden) replace(figures, table(points));
    else for (const one of charts) one.show(points, marksOf(points, settings.window), timeOf);
  }
  function choose(window) {
    settings.window = window;
    remember("charts", settings);
    mark();
    again.now();
  }
  async function refresh(signal) {
    if (!node.open) return 3600000;
    const window = settings.window;
    try {
      const answer = await getStats(window, signal);
      points = answer.points ?? [];
      setText(problem, "");
    } catch (error) {
      if (error.name !== "AbortError" && error.status !== 0) setText(problem, `No figures: ${error.message}`);
      throw error;
    }
    show();
    return window === settings.window ? EVERY[window] : 0;
  }
  node.addEventListener("toggle", () => {
    if (node.open === settings.open) return;
    settings.open = node.open;
    remember("charts", settings);
    if (node.open) again.now();
  });
  mark();
  const again = beside(refresh, 20000);
  return { node, stop: () => { again.stop(); charts.forEach((one) => one.stop()); } };
}
