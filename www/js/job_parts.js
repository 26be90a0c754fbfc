// job_parts.js - parts of a job's view that are made anew from its document: facts, attempts, callbacks.

import { copyButton, element } from "./dom.js";
import { bytes, clockTime, duration, errorWords } from "./format.js";

export function factsOf(job) {
  const list = [
    ["Submitted", clockTime(job.createdAt)],
    ["Started", clockTime(job.startedAt)],
    ["Ended", clockTime(job.finishedAt)],
    ["Kept until", clockTime(job.expiresAt)],
    ["Attempts", job.attempts ? String(job.attempts) : ""],
    ["Interruptions", job.interruptions ? `${job.interruptions} (its worker died)` : ""],
    ["Submitted by", job.caller],
    ["Cancelled by", job.cancelledBy],
    ["Reason", job.cancelReason],
    ["Retry of", job.retryOf ? element("a", { href: `#/job/${job.retryOf}`, class: "mono" }, job.retryOf) : ""],
    ["Trace", job.traceparent ? element("span", { class: "mono" }, job.traceparent) : ""],
    ["Event", job.eventSize !== undefined ? bytes(job.eventSize) : ""],
    ["Result", job.resultSize !== undefined ? `${bytes(job.resultSize)}${job.resultType ? `, ${job.resultType}` : ""}` : ""],
    ["Log", job.logSize ? bytes(job.logSize) : ""],
  ];
  return element("dl", { class: "facts" }, list.filter(([, value]) => value)
    .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function endOf(run) {
  if (run.error) return [errorWords(run.error).title, errorWords(run.error).text].filter(Boolean).join(": ");
  if (!run.finishedAt) return "";
  if (run.signal) return `Ended by signal ${run.signal}`;
  return run.exitStatus !== undefined ? `Exit status ${run.exitStatus}` : "";
}

export function attemptsTable(job) {
  const runs = job.attemptDetails ?? [];
  if (runs.length === 0) return null;
  const rows = runs.map((run) => element("tr", {}, element("th", { scope: "row" }, String(run.attempt)),
    element("td", { class: "number" }, clockTime(run.startedAt)),
    element("td", { class: "number" }, run.finishedAt ? duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)) : "running"),
    element("td", { class: "number" }, run.cpuMs !== undefined ? duration(run.cpuMs) : "–"),
    element("td", { class: "number" }, run.peakMemoryKiB ? bytes(run.peakMemoryKiB * 1024) : "–"),
    element("td", { class: run.error && run.error.type !== "Job.Cancelled" ? "bad" : "note" }, endOf(run))));
  const head = ["Attempt", "Started", "Took", "CPU", "Memory", "End"].map((text) => element("th", { scope: "col" }, text));
  return element("div", { class: "figures-frame", tabindex: 0, role: "region", "aria-label": "Attempts" }, element("table", { class: "figures attempts" },
    element("caption", { class: "visually-hidden" }, "Attempts"), element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows)));
}

const CALLBACKS = { WAITING: ["Waiting", "QUEUED"], DELIVERED: ["Delivered", "SUCCEEDED"], GIVEN_UP: ["Given up", "FAILED"] };

function callbackNotes(entry) {
  const parts = [];
  if (entry.tries > 0) parts.push(entry.tries === 1 ? "1 try" : `${entry.tries} tries`);
  if (entry.httpStatus) parts.push(`answered ${entry.httpStatus}`);
  if (entry.error) parts.push(entry.error);
  if (entry.status === "WAITING" && entry.nextTryAt) parts.push(`next try ${clockTime(entry.nextTryAt)}`);
  if (entry.endedAt) parts.push(clockTime(entry.endedAt));
  return parts.join(" · ");
}

export function callbacksOf(job) {
  const entries = job.callbacks ?? [];
  if (entries.length === 0 && !job.callbackUrl) return null;
  const rows = entries.map((entry) => {
    const [word, look] = CALLBACKS[entry.status] ?? [entry.status, "QUEUED"];
    return element("li", {}, element("div", { class: "row" }, element("span", { class: `status ${look}` }, word), element("span", { class: "mono break" }, entry.target)),
      element("p", { class: entry.status === "GIVEN_UP" ? "note bad" : "note" }, callbackNotes(entry)));
  });
  const before = element("li", {}, element("div", { class: "row" }, element("span", { class: "mono break" }, job.callbackUrl)), element("p", { class: "note" }, "Is told when the job has ended."));
  return element("section", { class: "sheet", "aria-labelledby": "callbacks-title" }, element("h2", { id: "callbacks-title" }, "Callbacks"),
    element("ul", { class: "callbacks" }, rows.length > 0 ? rows : before));
}

// What went wrong comes first, with the end of the log. `tail` is filled as the log comes.
export function failureOf(job, tail) {
  const error = job.status === "FAILED" ? job.error : !["SUCCEEDED", "CANCELLED"].includes(job.status) ? job.lastError : null;
  if (!error) return null;
  const { title, text } = errorWords(error);
  const over = job.status === "FAILED";
  return element("section", { class: `sheet ${over ? "trouble" : "warning"}`, "aria-labelledby": "failure-title" },
    element("div", { class: "head" }, element("h2", { id: "failure-title" }, over ? title : `The attempt before failed: ${title}`), element("span", { class: "note mono" }, error.type)),
    text ? element("p", { class: "break" }, text) : null, tail);
}

export function tailOfLog(lines) {
  if (lines === "") return null;
  return [element("p", { class: "note tail-head" }, "The end of its log"), element("pre", { tabindex: 0, "aria-label": "The end of the log" }, lines)];
}

export function heading(job, id) {
  return [element("h1", {}, job.function), element("p", { class: "row id-line" }, element("span", { class: "mono break" }, id), copyButton("Copy id", () => id, { class: "small" }))];
}
