// job.js - one job: what happens, what went wrong first, its timeline, event, result, log, and what can be done with it.

import { cancelJob, getJob, key, part, retryJob, url } from "./api.js";
import { announce, copy, element, setText } from "./dom.js";
import { bytes, clockTime, duration, isTerminal, runTime, shellWord, whyItWaits } from "./format.js";
import { everySecond, keepFresh } from "./live.js";
import { jsonTree } from "./json_view.js";
import { logView } from "./log_view.js";
import { errorMessage } from "./message.js";
import { timeline } from "./timeline.js";
import { setTitle } from "./title.js";

const WAIT = 20;          // seconds of a long-poll
const LOG_EVERY = 1000;   // ms
const ENDED_EVERY = 10000; // ms: a callback may still be on its way, or somebody erases the content
const SHOWN_MOST = 2 << 20; // bytes of event or result that are shown in the page
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

// Asks; resolves to null (no) or the reason given.
function confirmCancel(job) {
  const dialog = document.getElementById("confirm");
  setText(document.getElementById("confirm-title"), "Cancel this job?");
  setText(document.getElementById("confirm-text"), job.status === "RUNNING" ? "Its function is stopped with all the processes that it started." : "It will not run.");
  const reason = document.getElementById("confirm-reason");
  reason.value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? reason.value : null), { once: true }));
}

function facts(list) {
  return element("dl", { class: "facts" }, list.filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function factsOf(job) {
  return facts([
    ["Function", element("a", { href: `#/?function=${job.function}` }, job.function)],
    ["Submitted", clockTime(job.createdAt)],
    ["Started", clockTime(job.startedAt)],
    ["Ended", clockTime(job.finishedAt)],
    ["Attempts", job.attempts ? String(job.attempts) : ""],
    ["Kept until", clockTime(job.expiresAt)],
    ["Retry of", job.retryOf ? element("a", { href: `#/job/${job.retryOf}`, class: "mono" }, job.retryOf) : ""],
    ["Cancelled by", job.cancelledBy],
    ["Reason", job.cancelReason],
  ]);
}

function attemptsTable(job) {
  if (!job.attemptDetails?.length) return null;
  const rows = job.attemptDetails.map((run) => element("tr", {}, element("td", {}, `Attempt ${run.attempt}`), element("td", { class: "number" }, clockTime(run.startedAt)),
    element("td", { class: "number" }, run.finishedAt ? duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)) : "runs"),
    element("td", { class: "number" }, run.cpuMs !== undefined ? `${duration(run.cpuMs)} CPU` : ""),
    element("td", { class: "number" }, run.peakMemoryKiB ? bytes(run.peakMemoryKiB * 1024) : ""),
    element("td", { class: run.error ? "note bad" : "note" }, run.error ? `${run.error.type}: ${run.error.message}` : "")));
  return element("table", { class: "jobs plain" }, element("caption", { class: "visually-hidden" }, "Attempts"), element("tbody", {}, rows));
}

const CALLBACK_WORDS = { WAITING: "waits for its next try", DELIVERED: "delivered", GIVEN_UP: "given up" };

function callbackWords(entry) {
  const tries = entry.tries > 1 ? ` after ${entry.tries} tries` : "";
  return `${CALLBACK_WORDS[entry.status] ?? entry.status}${tries}${entry.error ? `: ${entry.error}` : ""}`;
}

function callbacksOf(job) {
  if (!job.callbacks?.length) return null;
  return element("section", { class: "sheet" }, element("h2", {}, "Callbacks"), element("ul", {}, job.callbacks.map((entry) => element("li", {},
    element("span", { class: "mono" }, entry.target), " ", element("span", { class: entry.error ? "note bad" : "note" }, callbackWords(entry))))));
}

function safeImage(value) {
  if (!value || typeof value !== "object" || !IMAGES.includes(value.contentType) || typeof value.data !== "string") return null;
  if (!/^[A-Za-z0-9+/=\s]*$/.test(value.data)) return null;
  return element("img", { class: "result", alt: "The result as a picture", src: `data:${value.contentType};base64,${value.data.replaceAll(/\s/g, "")}` });
}

// Event or result, fetched when it is there: a folded tree when it is JSON, text otherwise.
function contentSheet(title, id, name) {
  const body = element("div", {}, element("p", { class: "note" }, "…"));
  const actions = element("p", { class: "row" });
  const node = element("section", { class: "sheet", hidden: true }, element("h2", {}, title), body, actions);
  let loaded = false;
  async function download() {
    const blob = await (await part(id, name)).blob();
    const link = element("a", { href: URL.createObjectURL(blob), download: `${id}-${name}${blob.type.includes("json") ? ".json" : ".txt"}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  async function load(signal) {
    if (loaded) return;
    loaded = true;
    try {
      const response = await part(id, name, { signal });
      const blob = await response.blob();
      node.hidden = false;
      actions.replaceChildren(element("button", { type: "button", onclick: download }, `Download (${bytes(blob.size)})`));
      if (blob.size > SHOWN_MOST) { body.replaceChildren(element("p", { class: "note" }, "Too large to be shown here.")); return; }
      const text = await blob.text();
      actions.prepend(element("button", { type: "button", onclick: (event) => copy(event.target, text) }, "Copy"));
      let value;
      try { value = JSON.parse(text); } catch { body.replaceChildren(element("pre", { tabindex: 0 }, text)); return; }
      body.replaceChildren(...[safeImage(value), jsonTree(value)].filter(Boolean));
    } catch (error) {
      if (error.name === "AbortError") loaded = false;
      else if (error.status !== 404) { node.hidden = false; body.replaceChildren(element("p", { class: "note bad" }, error.message)); }
    }
  }
  return { node, load };
}

function curlOf(job) {
  const auth = key() ? " -H 'Authorization: Bearer …'" : "";
  return `curl ${shellWord(url(`job/${job.jobId}`).href)}${auth}`;
}

function actionsOf(job, act) {
  const buttons = [];
  if (!isTerminal(job.status)) buttons.push(element("button", { type: "button", class: "danger", onclick: () => act("cancel"), disabled: job.cancelRequested }, job.cancelRequested ? "Being cancelled" : "Cancel"));
  else {
    buttons.push(element("button", { type: "button", onclick: () => act("retry") }, "Retry"));
    buttons.push(element("a", { class: "button", href: `#/new?retry=${job.jobId}` }, "Retry with an edited event"));
  }
  buttons.push(element("button", { type: "button", onclick: (event) => copy(event.target, curlOf(job)) }, "Copy as curl"));
  buttons.push(element("button", { type: "button", onclick: (event) => copy(event.target, location.href) }, "Copy link"));
  return buttons;
}

export function showJob(main, id) {
  let job = null;
  let etag;
  const status = element("span");
  const state = element("span", { class: "note", role: "status" });
  const bar = element("progress", { max: 100, hidden: true, "aria-label": "Progress" });
  const actions = element("div", { class: "row" });
  const failure = element("div");
  const details = element("div");
  const result = contentSheet("Result", id, "result");
  const event = contentSheet("Event", id, "event");
  const log = logView(id);
  const logSheet = element("section", { class: "sheet", hidden: true }, element("h2", {}, "Log"), log.node);
  const problem = element("p", { class: "error-line", role: "alert" });
  const page = element("div", {}, element("p", {}, element("a", { href: "#/" }, "← All jobs")),
    element("div", { class: "sheet" }, element("div", { class: "row" }, element("h1", { class: "mono" }, id), status, bar, state, element("span", { class: "grow" }), actions), problem),
    failure, details, result.node, logSheet, event.node);
  main.append(page);

  async function act(what) {
    setText(problem, "");
    try {
      if (what === "cancel") {
        const reason = await confirmCancel(job);
        if (reason !== null) await cancelJob(id, reason);
      } else location.hash = `#/job/${(await retryJob(id)).jobId}`;
    } catch (error) { setText(problem, error.message); }
  }
  function tick(now) {
    if (!job) return;
    const moving = job.status === "QUEUED" ? whyItWaits(job, now) : job.status === "RUNNING" ? `${job.progress?.message ?? ""} ${runTime(job, now)}`.trim() : runTime(job, now);
    setText(state, moving);
    if (!isTerminal(job.status)) picture(now);
  }
  const pictureSheet = element("section", { class: "sheet" });
  function picture(now) {
    const drawn = timeline(job, now);
    pictureSheet.hidden = drawn === null;
    if (drawn) pictureSheet.replaceChildren(element("h2", {}, "Timeline"), drawn, ...[attemptsTable(job)].filter(Boolean));
  }
  function show(signal) {
    status.className = `status ${job.status}`;
    setText(status, job.status);
    bar.hidden = job.status !== "RUNNING" || !job.progress;
    if (job.progress) bar.value = job.progress.percent;
    actions.replaceChildren(...actionsOf(job, act));
    const failed = job.error && job.status === "FAILED";
    failure.replaceChildren(...(failed ? [element("section", { class: "sheet trouble" }, element("h2", {}, job.error.type), element("pre", {}, job.error.message))] : []));
    details.replaceChildren(element("section", { class: "sheet" }, factsOf(job)), pictureSheet, ...[callbacksOf(job)].filter(Boolean));
    picture(Date.now());
    tick(Date.now());
    if (isTerminal(job.status) && job.links?.result) result.load(signal);
    event.load(signal);
    setTitle(`${job.status.toLowerCase()} ${job.function}`, job.status);
  }
  async function refresh(signal) {
    try {
      const answer = await getJob(id, { etag, wait: job && !isTerminal(job.status) ? WAIT : 0, signal });
      if (answer.body) {
        if (job && job.status !== answer.body.status) announce(`The job is ${answer.body.status.toLowerCase()}`);
        job = answer.body;
        ({ etag } = answer);
        show(signal);
      }
      return isTerminal(job.status) ? ENDED_EVERY : 0;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (!job || [401, 403, 404, 410].includes(error.status)) main.replaceChildren(errorMessage(error, () => dispatchEvent(new HashChangeEvent("hashchange"))));
      if ([401, 403, 404, 410].includes(error.status)) return null;
      throw error;
    }
  }
  // The log has a rhythm of its own, and one more look after the end.
  let logDone = false;
  const followLog = setInterval(async () => {
    if (document.hidden || !job || logDone || job.status === "QUEUED" && !job.attempts) return;
    const last = isTerminal(job.status);
    try {
      await log.refresh();
      logSheet.hidden = log.isEmpty();
      logDone = last;
    } catch (error) { logDone = last || error.status === 404 && last; }
  }, LOG_EVERY);
  const stops = [keepFresh(refresh), everySecond(tick), () => clearInterval(followLog)];
  return () => stops.forEach((stop) => stop());
}
