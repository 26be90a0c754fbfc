// list_table.js - the rows of the list. Cells are updated in place, so that selection and focus stay where they are.

import { element, setText } from "./dom.js";
import { age, clockTime, errorWords, isTerminal, runTime, statusWord, whyItWaits } from "./format.js";

function wordsOf(job, now, load) {
  if (job.status === "QUEUED") return whyItWaits(job, now, load?.(job.function));
  if (job.status === "RUNNING") {
    const again = job.attempts > 1 ? `Attempt ${job.attempts}` : "";
    return [job.cancelRequested ? "Being cancelled" : again, job.progress?.message].filter(Boolean).join(" · ");
  }
  if (job.error) return `${errorWords(job.error).title}: ${errorWords(job.error).text}`;
  return job.status === "CANCELLED" ? job.cancelReason ?? "" : "";
}

function makeRow() {
  const name = element("b");
  const id = element("span", { class: "mono id" });
  const link = element("a", { class: "job-link" }, name, id);
  const status = element("span");
  const bar = element("progress", { max: 100, hidden: true });
  const words = element("span", { class: "words" });
  const made = element("td", { class: "number note made" });
  const took = element("td", { class: "number took" });
  const row = element("tr", {}, element("td", { class: "state" }, status), element("td", { class: "what" }, link), element("td", { class: "detail" }, element("div", {}, bar, words)), made, took);
  row.addEventListener("click", (event) => { if (!event.target.closest("a") && !getSelection().toString()) link.click(); });
  const entry = { row, job: null };
  let load;

  entry.tick = (now) => {
    const job = entry.job;
    setText(made, age(job.createdAt, now));
    if (isTerminal(job.status)) return;
    setText(took, runTime(job, now));
    setText(words, wordsOf(job, now, load));
  };
  entry.update = (job, newLoad) => {
    load = newLoad;
    if (entry.job !== job) {
      entry.job = job;
      row.dataset.job = job.jobId;
      link.href = `#/job/${job.jobId}`;
      setText(name, job.function ?? "");
      setText(id, job.jobId);
      made.title = clockTime(job.createdAt);
      const look = `status ${job.status}`;
      if (status.className !== look) status.className = look;
      setText(status, statusWord(job.status));
      const moves = job.status === "RUNNING" && job.progress?.percent !== undefined;
      bar.hidden = !moves;
      if (moves) bar.value = job.progress.percent;
      bar.setAttribute("aria-label", `Progress of ${job.jobId}`);
      words.className = job.error ? "words bad" : "words";
      setText(took, runTime(job));
      setText(words, wordsOf(job, Date.now(), load));
      words.title = job.error ? words.textContent : "";
    }
    entry.tick(Date.now());
  };
  return entry;
}

export function jobTable() {
  const body = element("tbody");
  const head = ["Status", "Job", "Progress", "Submitted", "Took"].map((text, index) => element("th", { scope: "col", class: index > 2 ? "number" : null }, text));
  const node = element("table", { class: "jobs" }, element("caption", { class: "visually-hidden" }, "Jobs, newest first"), element("thead", {}, element("tr", {}, head)), body);
  const rows = new Map();

  function show(jobs, load) {
    const keep = new Set(jobs.map((job) => job.jobId));
    for (const [id, entry] of rows) {
      if (keep.has(id)) continue;
      entry.row.remove();
      rows.delete(id);
    }
    let place = body.firstChild;
    for (const job of jobs) {
      let entry = rows.get(job.jobId);
      if (!entry) {
        entry = makeRow();
        rows.set(job.jobId, entry);
      }
      entry.update(job, load);
      if (place === entry.row) place = place.nextSibling;
      else body.insertBefore(entry.row, place);
    }
  }
  return { node, show, tick: (now) => { for (const entry of rows.values()) entry.tick(now); } };
}
