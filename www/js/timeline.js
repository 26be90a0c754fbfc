// timeline.js - a job's life as a picture: each wait, each attempt, to scale, with words under it.

import { svgElement } from "./dom.js";
import { duration, isTerminal } from "./format.js";

const WIDTH = 900;
const BAR = 18;
const LEAST = 3; // pixels, so that a short attempt can be seen at all

// [{ kind: "wait" | "run" | "ok" | "bad" | "cut", from, to, label }]
function segments(job, now) {
  const parts = [];
  let at = Date.parse(job.createdAt);
  const runs = job.attemptDetails ?? [];
  for (const run of runs) {
    const from = Date.parse(run.startedAt);
    const to = run.finishedAt ? Date.parse(run.finishedAt) : now;
    if (from > at) parts.push({ kind: "wait", from: at, to: from, label: "waited" });
    const last = run === runs.at(-1);
    const kind = !run.finishedAt ? "run" : run.error ? "bad" : last && job.status === "CANCELLED" ? "cut" : "ok";
    parts.push({ kind, from, to, label: `attempt ${run.attempt}` });
    at = to;
  }
  if (!isTerminal(job.status) && job.status === "QUEUED") parts.push({ kind: "wait", from: at, to: now, label: "waits" });
  return parts;
}

export function timeline(job, now = Date.now()) {
  const parts = segments(job, now);
  if (parts.length === 0) return null;
  const start = parts[0].from;
  const total = Math.max(1, parts.at(-1).to - start);
  const scale = (WIDTH - LEAST * parts.length) / total;
  const words = parts.map((part) => `${part.label} ${duration(part.to - part.from)}`).join(", ");
  const picture = svgElement("svg", { viewBox: `0 0 ${WIDTH} 44`, class: "timeline", role: "img", "aria-label": `Timeline: ${words}` });
  let x = 0;
  let free = 0; // where the last label ended
  for (const part of parts) {
    const width = LEAST + (part.to - part.from) * scale;
    const text = `${part.label} ${duration(part.to - part.from)}`;
    picture.append(svgElement("rect", { x, y: 2, width: Math.max(1, width - 1), height: BAR, rx: 2, class: part.kind }, svgElement("title", {}, text)));
    const room = text.length * 6;
    const left = Math.min(x, WIDTH - room);
    if (left >= free) {
      picture.append(svgElement("text", { x: left, y: 38 }, text));
      free = left + room + 10;
    }
    x += width;
  }
  return picture;
}
