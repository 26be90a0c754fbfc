// format.js - numbers and times as people read them. Pure functions.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// 350 ms, 4.2 s, 3 min 5 s, 2 h 10 min: two units at the most.
export function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "";
  const value = Math.max(0, milliseconds);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 10000) return `${(value / 1000).toFixed(1)} s`;
  let seconds = Math.round(value / 1000);
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count > 0 || parts.length > 0) parts.push(count > 0 ? `${count} ${unit}` : "");
    seconds -= count * size;
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(" ");
}

export function age(from, now = Date.now()) {
  const passed = now - Date.parse(from);
  return passed < 1000 ? "just now" : `${duration(passed >= 10000 ? passed : Math.floor(passed / 1000) * 1000)} ago`;
}

export function clockTime(text) {
  return text ? new Date(text).toLocaleString() : "";
}

export function bytes(count) {
  if (count < 1024) return `${count} bytes`;
  const units = ["KiB", "MiB", "GiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export const STATUSES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

export function isTerminal(status) {
  return status === "SUCCEEDED" || status === "FAILED" || status === "CANCELLED";
}

// From the first attempt's start (or its waiting) to its end or now.
export function runTime(job, now = Date.now()) {
  if (!job.startedAt) return "";
  const end = job.finishedAt ? Date.parse(job.finishedAt) : now;
  return duration(end - Date.parse(job.startedAt));
}

const WAITS = {
  next: "next in the queue", delay: "waits for its time", retry: "waits for its next attempt",
  concurrency: "its function runs as often as it may", paused: "its function is paused", busy: "all workers are busy",
};

export function whyItWaits(job, now = Date.now()) {
  const queue = job.queue;
  if (!queue) return "";
  const left = queue.dueAt ? Date.parse(queue.dueAt) - now : 0;
  // A list does not tell the reason (it costs a look at the queue for each job); a due time to come says enough.
  const reason = queue.reason ?? (left <= 0 ? "" : job.lastError ? "retry" : "delay");
  const words = WAITS[reason] ?? reason;
  const due = left > 0 && (reason === "delay" || reason === "retry") ? `, in ${duration(left)}` : "";
  const place = queue.position > 1 ? ` (${queue.position}.)` : "";
  return words + due + place;
}

// The shell takes it as one word, whatever is in it.
export function shellWord(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
