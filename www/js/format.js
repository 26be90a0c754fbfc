// format.js - numbers and times as people read them. Pure functions.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// 350 ms, 4.2 s, 3 min 5 s, 2 h 10 min: two units at the most.
export function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "";
  const value = Math.max(0, milliseconds);
  if (value < 999.5) return `${Math.round(value)} ms`;
  if (value < 9950) return `${(value / 1000).toFixed(1).replace(".0", "")} s`;
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

// The same for what moves once a second: no milliseconds.
export function wholeDuration(milliseconds) {
  return milliseconds < 1000 ? "0 s" : duration(milliseconds < 10000 ? Math.floor(milliseconds / 1000) * 1000 : milliseconds);
}

export function age(from, now = Date.now()) {
  const passed = now - Date.parse(from);
  return passed < 1000 ? "just now" : `${wholeDuration(passed)} ago`;
}

export function clockTime(text) {
  return text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) : "";
}

export function bytes(count) {
  if (count < 1024) return count === 1 ? "1 byte" : `${count} bytes`;
  const units = ["KiB", "MiB", "GiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function counted(count, word) {
  return `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;
}

export const STATUSES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

export function statusWord(status) {
  return status ? status[0] + status.slice(1).toLowerCase() : "";
}

export function isTerminal(status) {
  return status === "SUCCEEDED" || status === "FAILED" || status === "CANCELLED";
}

// From the first attempt's start to the end or now.
export function runTime(job, now = Date.now()) {
  if (!job.startedAt) return "";
  if (job.finishedAt) return duration(Date.parse(job.finishedAt) - Date.parse(job.startedAt));
  return job.status === "RUNNING" ? wholeDuration(now - Date.parse(job.startedAt)) : "";
}

const WAITS = {
  next: "Starts next", delay: "Waits for its time", retry: "Waits for its next attempt",
  concurrency: "As many run as this function may", paused: "The function is paused", busy: "All workers are busy",
};

// `load` is what a list knows beside the job: { paused, full, busy } of its function and the workers.
function reasonOf(job, left, load) {
  if (job.queue.reason) return job.queue.reason;
  if (left > 0) return job.lastError || job.attempts > 0 ? "retry" : "delay";
  return load?.paused ? "paused" : load?.full ? "concurrency" : load?.busy ? "busy" : "";
}

export function whyItWaits(job, now = Date.now(), load = null) {
  const queue = job.queue;
  if (!queue) return "";
  const left = queue.dueAt ? Date.parse(queue.dueAt) - now : 0;
  const reason = reasonOf(job, left, load);
  if (reason === "") return "";
  const words = [WAITS[reason] ?? reason];
  if (left > 0 && (reason === "delay" || reason === "retry")) words.push(`in ${wholeDuration(left + 999)}`);
  if (queue.position > 1) words.push(`place ${queue.position} in the queue`);
  return words.join(", ");
}

const ERRORS = {
  "Runtime.ExitError": "The function ended with an error",
  "Sandbox.Timedout": "The function took longer than it may",
  "Function.ResponseSizeTooLarge": "The result is larger than is kept",
  "Worker.Lost": "The worker died with it",
  "Job.Cancelled": "It was cancelled",
  "Event.AgeExceeded": "It waited longer than it may",
};

// { title, text }: the types are Lambda's, for programs; people get a sentence, and the message without the id they see above.
export function errorWords(error) {
  const text = (error.message ?? "").replace(/^RequestId: [0-9a-f-]{36} (?:Error: )?(?:Runtime exited with error: )?/, "");
  return { title: ERRORS[error.type] ?? "It failed", text: error.type === "Job.Cancelled" ? "" : text };
}

// What goes into a line for the shell: a command takes 128 KiB as one word at the most, and people read less.
export const SHELL_MOST = 64 * 1024;
export const READ_MOST = 4 * 1024;

// The shell takes it as one word, whatever is in it.
export function shellWord(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// One word for double quotes, so that $JOBGATE_KEY is filled in by the reader's shell, not shown here.
export function curlKey(hasKey) {
  return hasKey ? ' -H "Authorization: Bearer $JOBGATE_KEY"' : "";
}
