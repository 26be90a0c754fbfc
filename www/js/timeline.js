// timeline.js - a job's life as a picture: each wait and each attempt, to scale, with words under it.

import { element, svgElement } from "./dom.js";
import { duration, isTerminal, wholeDuration } from "./format.js";

const LEAST = 0.6; // percent of the width, so that a short attempt can be seen at all
const NAMES = { wait: "waited", run: "running", ok: "succeeded", bad: "failed", cut: "stopped" };

function kindOf(run, job, isLast) {
  if (!run.finishedAt) return isTerminal(job.status) ? "cut" : "run";
  if (isLast && job.status === "CANCELLED") return "cut";
  return run.error || (run.exitStatus ?? 0) !== 0 || run.signal ? "bad" : "ok";
}

// [{ kind: "wait" | "run" | "ok" | "bad" | "cut", from, to, name }]
function segments(job, now) {
  const parts = [];
  let at = Date.parse(job.createdAt);
  const runs = job.attemptDetails ?? [];
  for (const run of runs) {
    const from = Date.parse(run.startedAt);
    const to = Date.parse(run.finishedAt ?? job.finishedAt ?? "") || Math.max(now, from);
    if (from > at) parts.push({ kind: "wait", from: at, to: from, name: parts.length === 0 ? "queued" : "wait" });
    parts.push({ kind: kindOf(run, job, run === runs.at(-1)), from, to, name: `attempt ${run.attempt}` });
    at = to;
  }
  const until = isTerminal(job.status) ? Date.parse(job.finishedAt) : now;
  if (job.status === "QUEUED" || (runs.length === 0 && until > at)) parts.push({ kind: "wait", from: at, to: Math.max(at, until), name: runs.length === 0 ? "queued" : "wait" });
  return parts;
}

function lengthOf(part, job) {
  const moves = part.kind === "run" || (part.kind === "wait" && job.status === "QUEUED");
  return (moves ? wholeDuration : duration)(part.to - part.from);
}

function bar(parts, job) {
  const start = parts[0].from;
  const total = Math.max(1, parts.at(-1).to - start);
  const scale = (100 - LEAST * parts.length) / total;
  const words = parts.map((part) => `${part.name} ${lengthOf(part, job)}${part.kind === "wait" ? "" : ` ${NAMES[part.kind]}`}`).join(", ");
  const picture = svgElement("svg", { class: "timeline", role: "img", "aria-label": `Timeline: ${words}`, height: 20, width: "100%" });
  let x = 0;
  for (const part of parts) {
    const width = LEAST + (part.to - part.from) * scale;
    picture.append(svgElement("rect", { x: `${x.toFixed(2)}%`, y: 0, width: `${Math.max(0.2, width - 0.2).toFixed(2)}%`, height: 20, rx: 3, class: part.kind },
      svgElement("title", {}, `${part.name} ${lengthOf(part, job)}`)));
    x += width;
  }
  return picture;
}

// The picture, and under it its parts in words; null when there is nothing to show yet.
export function timeline(job, now = Date.now()) {
  const parts = segments(job, now);
  if (parts.length === 0) return null;
  const most = 8; // words for more parts than these are in the table of attempts
  const legend = parts.length > most ? [] : parts.map((part) => element("li", {}, element("span", { class: `swatch ${part.kind}` }),
    `${part.name[0].toUpperCase()}${part.name.slice(1)} · ${lengthOf(part, job)}`));
  return [bar(parts, job), element("ul", { class: "legend", "aria-hidden": "true" }, legend)];
}
