// new.js - submit a job: function, event, the error's place in it, and the curl command that does the same.
// With ?retry=ID it submits that job's event again, edited.

import { key, listFunctions, listJobs, part, retryJob, submitJob, url } from "./api.js";
import { copyButton, element, replace, setText } from "./dom.js";
import { save } from "./download.js";
import { bytes, counted, curlKey, duration, READ_MOST, shellWord } from "./format.js";
import { characterAt, jsonError, placeOf } from "./json_position.js";
import { showState } from "./live.js";
import { errorMessage } from "./message.js";
import { remember, remembered } from "./settings.js";
import { setTitle } from "./title.js";

function limitsOf(entry) {
  if (!entry) return [];
  const list = [
    ["Time", entry.timeoutMs ? `at most ${duration(entry.timeoutMs)}` : "no limit"],
    ["Retries", entry.retries > 0 ? `${entry.retries}, the first after ${duration(entry.backoffMs)}` : "none"],
  ];
  if (entry.concurrency > 0) list.push(["At once", counted(entry.concurrency, "job")]);
  if (entry.maxEventAgeMs) list.push(["Waits", `at most ${duration(entry.maxEventAgeMs)}`]);
  if (entry.memory > 0) list.push(["Memory", `at most ${bytes(entry.memory)}`]);
  if (entry.jobs) list.push(["Now", `${entry.jobs.QUEUED} queued, ${entry.jobs.RUNNING} running`]);
  return list;
}

export function showNew(main, parameters) {
  const retryOf = parameters.get("retry");
  const stop = new AbortController();
  let functions = [];
  let largest = Infinity;
  let sending = false;
  const select = element("select", { id: "function", onchange: check });
  const paused = element("p", { class: "note warn", hidden: true }, "This function is paused: the job will wait until it goes on.");
  const limits = element("dl", { class: "facts small-facts" });
  const delay = element("input", { type: "number", min: 0, max: 31536000, step: "any", value: 0, id: "delay", class: "number" });
  const editor = element("textarea", { class: "mono", id: "event", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-describedby": "event-error event-size", rows: 14 });
  const errorLine = element("p", { class: "error-line", id: "event-error", role: "alert" });
  const goThere = element("button", { type: "button", class: "small", hidden: true, onclick: showPlace }, "Show");
  const size = element("span", { class: "note number", id: "event-size" });
  const command = element("pre", { tabindex: 0, "aria-label": "curl command" });
  const send = element("button", { class: "primary", type: "submit" }, retryOf ? "Retry with this event" : "Submit job");
  const lay = element("button", { type: "button", class: "small", onclick: layOut }, "Lay out");
  const last = element("button", { type: "button", class: "small", onclick: lastEvent }, "Event of the newest job");
  const saveEvent = element("button", { type: "button", class: "small", hidden: true, onclick: () => save(new Blob([body()], { type: "application/json" }), "event") }, "Save event.json");
  let place = null;

  const body = () => (editor.value.trim() === "" ? "{}" : editor.value);
  function path() {
    if (retryOf) return `job/${retryOf}/retry`;
    const query = new URLSearchParams();
    if (select.value) query.set("function", select.value);
    if (Number(delay.value) > 0) query.set("delay", delay.value);
    return `job${query.size > 0 ? `?${query}` : ""}`;
  }
  function tell(words, at = null) {
    place = at;
    setText(errorLine, words);
    goThere.hidden = !at;
  }
  function showPlace() {
    if (!place) return;
    editor.focus();
    editor.setSelectionRange(place.offset, Math.min(editor.value.length, place.offset + 1));
  }
  function check() {
    const length = new TextEncoder().encode(body()).length;
    const wrong = jsonError(body());
    if (wrong) tell(`Line ${wrong.line}, column ${wrong.column}: ${wrong.message}.`, wrong);
    else if (length > largest) tell(`An event has at most ${bytes(largest)}.`);
    else tell("");
    setText(size, bytes(length));
    const refused = Boolean(wrong) || length > largest;
    editor.setAttribute("aria-invalid", String(refused));
    send.disabled = refused || sending;
    lay.disabled = Boolean(wrong);
    const entry = functions.find((one) => one.name === select.value);
    paused.hidden = !entry?.paused;
    const shown = select.value + JSON.stringify(entry);
    if (limits.dataset.of !== shown) {
      limits.dataset.of = shown;
      replace(limits, limitsOf(entry).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    }
    // A long event is a file: nobody reads it in a command, and a shell takes only so much.
    const isLong = length > READ_MOST;
    saveEvent.hidden = !isLong;
    setText(command, `curl ${shellWord(url(path()).href)}${curlKey(key())} \\\n  -H 'Content-Type: application/json' \\\n  ${isLong ? "--data-binary @event.json" : `-d ${shellWord(body())}`}`);
    return !refused;
  }
  function layOut() {
    editor.value = JSON.stringify(JSON.parse(body()), null, 2);
    check();
  }
  async function lastEvent() {
    try {
      const { body: answer } = await listJobs({ name: select.value, limit: 1, signal: stop.signal });
      if (answer.jobs.length === 0) { tell("There is no job of this function yet."); return; }
      await useEventOf(answer.jobs[0].jobId);
    } catch (error) { if (error.name !== "AbortError") tell(error.message); }
  }
  async function useEventOf(id) {
    const text = await (await part(id, "event", { signal: stop.signal })).text();
    try { editor.value = JSON.stringify(JSON.parse(text), null, 2); } catch { editor.value = text; }
    check();
  }
  function refusedByServer(error) {
    if (error.problem?.offset === undefined) return tell(error.message);
    const offset = characterAt(body(), error.problem.offset);
    const at = placeOf(body(), offset);
    return tell(`Line ${at.line}, column ${at.column}: ${error.message}`, { offset, ...at });
  }
  async function submit(event) {
    event.preventDefault();
    if (sending || !check()) return;
    sending = send.disabled = true;
    try {
      const job = retryOf ? await retryJob(retryOf, body()) : await submitJob(select.value, body(), Number(delay.value));
      if (!retryOf) remember("function", select.value);
      location.hash = `#/job/${job.jobId}`;
    } catch (error) {
      sending = send.disabled = false;
      if (error.status === 401 || error.status === 403) { main.replaceChildren(errorMessage(error, () => { replace(main); build(); check(); })); return; }
      refusedByServer(error);
    }
  }
  function keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  }
  async function load() {
    try {
      // A key may submit without being allowed to list: then the function's name is typed by hand, in the curl line.
      const answer = await listFunctions(stop.signal);
      functions = (answer.functions ?? []).filter((entry) => entry.installed);
      largest = answer.maxEventSize ?? Infinity;
      const wanted = parameters.get("function") ?? remembered("function", "");
      const chosen = functions.find((entry) => entry.name === wanted) ?? functions.find((entry) => entry.default) ?? functions[0];
      replace(select, functions.map((entry) => element("option", { value: entry.name, selected: entry === chosen }, entry.name)));
      if (functions.length === 0) tell("No function is installed yet: put a program into the functions folder.");
      if (retryOf) await useEventOf(retryOf);
      else check();
    } catch (error) {
      if (error.name !== "AbortError") main.replaceChildren(errorMessage(error, () => dispatchEvent(new HashChangeEvent("hashchange"))));
    }
  }
  function build() {
    const choice = retryOf
      ? element("p", {}, "A new job, with the event of ", element("a", { href: `#/job/${retryOf}`, class: "mono break" }, retryOf), " as it is below.")
      : [element("div", { class: "new-head" }, element("label", { class: "field" }, element("span", {}, "Function"), select),
        element("label", { class: "field" }, element("span", {}, "Delay in seconds"), delay)), paused, limits];
    const form = element("form", { class: "sheet", onsubmit: submit, oninput: check }, choice,
      element("div", { class: "field" }, element("div", { class: "row" }, element("label", { for: "event" }, "Event (JSON)"), size, element("span", { class: "grow" }), retryOf ? null : last, lay), editor),
      element("div", { class: "row error-row" }, errorLine, goThere),
      element("p", { class: "row" }, send, element("span", { class: "note" }, element("kbd", {}, "Ctrl"), " ", element("kbd", {}, "Enter"))));
    main.append(element("h1", { class: "view-title" }, retryOf ? "Retry with an edited event" : "New job"), form,
      element("section", { class: "sheet", "aria-labelledby": "curl-title" }, element("div", { class: "head" }, element("h2", { id: "curl-title" }, "The same from a terminal"),
        element("p", { class: "row" }, saveEvent, copyButton("Copy", () => command.textContent, { class: "small" }))), command));
  }
  editor.value = "{}";
  editor.addEventListener("keydown", keys);
  showState("");
  build();
  check();
  load();
  setTitle(retryOf ? "Retry" : "New job");
  return () => stop.abort();
}
