// job.js - one job: what happens, what went wrong first, its timeline, result, log, event, and what can be done with it.

import { cancelJob, eraseJob, getJob, key, part, retryJob, url } from "./api.js";
import { confirmation } from "./confirm.js";
import { contentView } from "./content_view.js";
import { announce, copyButton, element, menu, region, replace, setText } from "./dom.js";
import { curlKey, isTerminal, runTime, SHELL_MOST, shellWord, statusWord, whyItWaits } from "./format.js";
import { attemptsTable, callbacksOf, factsOf, failureOf, heading, tailOfLog } from "./job_parts.js";
import { beside, everySecond, keepFresh } from "./live.js";
import { logView } from "./log_view.js";
import { errorMessage, isFinal } from "./message.js";
import { timeline } from "./timeline.js";
import { setTitle } from "./title.js";

const WAIT = 20;           // seconds of a long-poll
const LOG_EVERY = 1000;    // ms
const ENDED_EVERY = 15000; // ms: a callback may still be on its way, or somebody erases the content
const LAST_LINES = 12;

function curlToRead(job) {
  return `curl ${shellWord(url(`job/${job.jobId}`).href)}${curlKey(key())}`;
}

async function curlToSubmit(job) {
  const query = new URLSearchParams({ function: job.function });
  const submit = `curl ${shellWord(url(`job?${query}`).href)}${curlKey(key())} -H 'Content-Type: application/json'`;
  if (job.eventSize > SHELL_MOST) return `curl ${shellWord(url(`job/${job.jobId}/event`).href)}${curlKey(key())} | ${submit} --data-binary @-`;
  return `${submit} -d ${shellWord(await (await part(job.jobId, "event")).text())}`;
}

function actionsOf(job, act) {
  const ended = isTerminal(job.status);
  const main = ended
    ? [element("button", { type: "button", onclick: () => act.retry() }, "Retry"),
      job.purged ? null : element("a", { class: "button", href: `#/new?retry=${job.jobId}` }, "Edit and retry")]
    : [element("button", { type: "button", class: "danger", onclick: () => act.cancel(), disabled: job.cancelRequested }, job.cancelRequested ? "Being cancelled" : "Cancel")];
  if (job.purged) main[0].disabled = true;
  const more = menu("More", copyButton("Copy link", () => location.href), copyButton("Copy as curl: this job", () => curlToRead(job)),
    job.purged ? null : copyButton("Copy as curl: submit it", () => curlToSubmit(job)),
    ended && !job.purged ? element("button", { type: "button", class: "danger closes", onclick: () => act.erase() }, "Erase content…") : null);
  return [...main, more];
}

function stateWords(job, now) {
  if (job.status === "QUEUED") return whyItWaits(job, now);
  const parts = [runTime(job, now)];
  if (job.status === "RUNNING") {
    if (job.cancelRequested) parts.unshift("being cancelled");
    if (job.attempts > 1) parts.push(`attempt ${job.attempts}`);
    if (job.progress?.message) parts.push(job.progress.message);
  }
  if (job.status === "CANCELLED") parts.push(job.cancelReason);
  return parts.filter(Boolean).join(" · ");
}

export function showJob(main, id) {
  let job = null;
  let etag;
  const title = region({ class: "job-title" });
  const status = element("span", { class: "status" });
  const state = element("span", { class: "state-words" });
  const bar = element("progress", { max: 100, hidden: true, "aria-label": "Progress" });
  const percent = element("span", { class: "number note", hidden: true });
  const actions = region({ class: "row actions" });
  const problem = element("p", { class: "error-line", role: "alert" });
  const failure = region();
  const tail = element("div");
  const picture = element("div");
  const attempts = region();
  const times = element("section", { class: "sheet", hidden: true, "aria-labelledby": "timeline-title" }, element("h2", { id: "timeline-title" }, "Timeline"), picture, attempts.node);
  const facts = region({ class: "sheet", "aria-label": "Facts" }, "section");
  const callbacks = region();
  const result = contentView("Result", id, "result");
  const event = contentView("Event", id, "event");
  const log = logView(id);
  log.node.hidden = true;
  const head = element("div", { class: "sheet job-head", hidden: true }, element("div", { class: "job-line" }, title.node, actions.node),
    element("div", { class: "row" }, status, bar, percent, state), problem);
  const wait = element("p", { class: "note" }, "Loading …");
  const page = element("div", {}, element("p", { class: "crumb" }, element("a", { href: "#/" }, "← All jobs")), wait, head, failure.node,
    element("div", { class: "job-columns" }, element("div", { class: "job-main" }, times, result.node, log.node, event.node), element("aside", { class: "job-side", "aria-label": "About this job" }, facts.node, callbacks.node)));
  main.append(page);

  async function attempt(work) {
    setText(problem, "");
    try { await work(); } catch (error) { setText(problem, error.message); }
  }
  const act = {
    cancel: () => attempt(async () => {
      const answer = await confirmation({ title: "Cancel this job?", yes: "Cancel the job", asksReason: true,
        text: job.status === "RUNNING" ? "Its function is stopped, with all the processes that it started." : "It will not run." });
      if (answer) take(await cancelJob(id, answer.reason));
    }),
    retry: () => attempt(async () => { location.hash = `#/job/${(await retryJob(id)).jobId}`; }),
    erase: () => attempt(async () => {
      const answer = await confirmation({ title: "Erase event, result and log?", yes: "Erase them", text: "What the job did stays in the list, what it worked on does not. This cannot be undone, and the job can no longer be retried." });
      if (answer) take(await eraseJob(id));
    }),
  };
  // A changing answer shows at once; the next look brings the rest of the document.
  function take(answer) {
    if (!answer?.jobId) return;
    job = { ...job, ...answer };
    etag = undefined;
    if (job.purged) {
      log.clear("The content was erased.");
      replace(tail);
    }
    show();
  }
  function drawTimes(now) {
    const drawn = timeline(job, now);
    times.hidden = drawn === null;
    if (drawn) replace(picture, drawn);
  }
  function tick(now) {
    if (!job || isTerminal(job.status)) return;
    setText(state, stateWords(job, now));
    drawTimes(now);
  }
  function showProgress() {
    const moves = job.status === "RUNNING" && job.progress?.percent !== undefined;
    bar.hidden = percent.hidden = !moves;
    if (!moves) return;
    bar.value = job.progress.percent;
    setText(percent, `${job.progress.percent} %`);
  }
  function show(signal) {
    const ended = isTerminal(job.status);
    wait.hidden = true;
    head.hidden = false;
    status.className = `status ${job.status}`;
    setText(status, statusWord(job.status));
    setText(state, stateWords(job, Date.now()));
    title.show(job.function, () => heading(job, id));
    actions.show([job.status, job.cancelRequested, job.purged], () => actionsOf(job, act));
    failure.show([job.status, job.error, job.lastError], () => failureOf(job, tail));
    facts.show({ ...job, result: 0, progress: 0, queue: 0, attemptDetails: 0, callbacks: 0, links: 0 }, () => [element("h2", {}, "Facts"), factsOf(job)]);
    callbacks.show([job.callbacks, job.callbackUrl], () => callbacksOf(job));
    attempts.show(job.attemptDetails, () => attemptsTable(job));
    showProgress();
    drawTimes(Date.now());
    if (job.purged) result.say("The content was erased.");
    else if (job.links?.result) result.load(signal);
    else if (job.status === "SUCCEEDED") result.say("The function wrote no result.");
    if (job.purged) event.hide();
    else event.load(signal);
    const words = [statusWord(job.status)];
    if (job.status === "RUNNING" && job.progress?.percent !== undefined) words[0] = `${job.progress.percent} %`;
    setTitle(`${words[0]} ${job.function}`, job.status);
  }
  async function refresh(signal) {
    try {
      const answer = await getJob(id, { etag, wait: job && etag && !isTerminal(job.status) ? WAIT : 0, signal });
      if (answer.body) {
        if (job && job.status !== answer.body.status) announce(`The job is ${statusWord(answer.body.status).toLowerCase()}`);
        job = answer.body;
        ({ etag } = answer);
        show(signal);
      }
      return isTerminal(job.status) ? ENDED_EVERY : 0;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      const again = () => dispatchEvent(new HashChangeEvent("hashchange"));
      if (isFinal(error)) {
        main.replaceChildren(errorMessage(error, again));
        setTitle("");
        return null;
      }
      if (!job) replace(wait, errorMessage(error, again));
      throw error;
    }
  }
  function showTail() {
    replace(tail, tailOfLog(log.lastLines(LAST_LINES)));
  }
  // The log has a rhythm of its own, and one more look after the end.
  async function followLog(signal) {
    if (!job || (job.status === "QUEUED" && job.attempts === 0)) return 300;
    const last = isTerminal(job.status);
    if (last && job.attempts === 0) return null;
    try {
      const came = await log.refresh(signal);
      log.node.hidden = false;
      if (came > 0) log.settle();
      log.sayEmpty(last ? job.purged ? "The content was erased." : "The function wrote nothing to its log." : "Nothing written yet.");
      if (came > 0) showTail();
    } catch (error) {
      if (error.status !== 404 && error.status !== 410) throw error;
      if (!last) return LOG_EVERY;
    }
    return last ? null : LOG_EVERY;
  }
  const logFollower = beside(followLog);
  const stops = [keepFresh(refresh).stop, everySecond(tick), logFollower.stop];
  return () => stops.forEach((stop) => stop());
}
