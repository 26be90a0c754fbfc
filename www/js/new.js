// new.js - submit a job: function, event, the error's place in it, and the curl command that does the same.
// With ?retry=ID it submits that job's event again, edited.

import { listFunctions, part, retryJob, submitJob, url } from "./api.js";
import { copy, element, setText } from "./dom.js";
import { bytes, duration, shellWord } from "./format.js";
import { jsonError } from "./json_position.js";
import { errorMessage } from "./message.js";
import { setTitle } from "./title.js";

function limitsOf(entry) {
  if (!entry) return "";
  const parts = [];
  if (entry.paused) parts.push("paused: the job will wait");
  if (entry.timeoutMs) parts.push(`may run ${duration(entry.timeoutMs)}`);
  if (entry.retries !== undefined) parts.push(`${entry.retries} retries`);
  if (entry.concurrency > 0) parts.push(`${entry.concurrency} at once`);
  if (entry.memory > 0) parts.push(`${bytes(entry.memory)} of memory`);
  return parts.join(" · ");
}

export function showNew(main, parameters) {
  const retryOf = parameters.get("retry");
  const stop = new AbortController();
  let functions = [];
  const select = element("select", { id: "function" });
  const limits = element("span", { class: "note" });
  const delay = element("input", { type: "number", min: 0, step: 1, value: 0, id: "delay" });
  const editor = element("textarea", { class: "mono", id: "event", spellcheck: "false", "aria-describedby": "event-error" });
  editor.value = "{}";
  const errorLine = element("p", { class: "error-line", id: "event-error", role: "alert" });
  const command = element("pre");
  const send = element("button", { class: "primary", type: "submit" }, retryOf ? "Retry with this event" : "Submit job");

  function path() {
    if (retryOf) return `job/${retryOf}/retry`;
    const query = new URLSearchParams();
    if (select.value) query.set("function", select.value);
    if (Number(delay.value) > 0) query.set("delay", delay.value);
    return `job${query.size > 0 ? `?${query}` : ""}`;
  }
  function check() {
    const wrong = jsonError(editor.value.trim() === "" ? "{}" : editor.value);
    setText(errorLine, wrong ? `Line ${wrong.line}, column ${wrong.column}: ${wrong.message}` : "");
    editor.setAttribute("aria-invalid", String(Boolean(wrong)));
    send.disabled = Boolean(wrong);
    setText(limits, limitsOf(functions.find((entry) => entry.name === select.value)));
    setText(command, `curl -X POST ${shellWord(url(path()).href)} -H 'Content-Type: application/json' -d ${shellWord(editor.value)}`);
    return !wrong;
  }
  async function submit(event) {
    event.preventDefault();
    if (!check()) return;
    send.disabled = true;
    try {
      const body = editor.value.trim() === "" ? "{}" : editor.value;
      const job = retryOf ? await retryJob(retryOf, body) : await submitJob(select.value, body, Number(delay.value));
      location.hash = `#/job/${job.jobId}`;
    } catch (error) {
      setText(errorLine, error.message);
      send.disabled = false;
    }
  }
  function indent(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  }
  async function load() {
    try {
      const answer = await listFunctions(stop.signal);
      functions = (answer.functions ?? []).filter((entry) => entry.installed);
      select.replaceChildren(...functions.map((entry) => element("option", { value: entry.name, selected: parameters.has("function") ? entry.name === parameters.get("function") : entry.default }, entry.name)));
      if (retryOf) editor.value = JSON.stringify(JSON.parse(await (await part(retryOf, "event", { signal: stop.signal })).text()), null, 2);
      check();
    } catch (error) {
      if (error.name !== "AbortError") main.replaceChildren(errorMessage(error, () => { main.replaceChildren(); build(); load(); }));
    }
  }
  function build() {
    const form = element("form", { class: "sheet", onsubmit: submit, oninput: check },
      retryOf ? element("p", {}, "A new job with the event of ", element("a", { href: `#/job/${retryOf}`, class: "mono" }, retryOf))
        : element("div", { class: "columns" },
          element("label", { class: "field" }, element("span", {}, "Function"), select, " ", limits),
          element("label", { class: "field" }, element("span", {}, "Delay in seconds"), delay)),
      element("label", { class: "field" }, element("span", {}, "Event (JSON)"), editor), errorLine,
      element("p", { class: "row" }, send, element("span", { class: "note" }, "Ctrl + Enter")));
    main.append(element("h1", {}, retryOf ? "Retry with an edited event" : "New job"), form,
      element("section", { class: "sheet" }, element("h2", {}, "The same from a terminal"), command,
        element("p", {}, element("button", { type: "button", onclick: (event) => copy(event.target, command.textContent) }, "Copy"))));
  }
  editor.addEventListener("keydown", indent);
  build();
  check();
  load();
  setTitle(retryOf ? "Retry" : "New job");
  return () => stop.abort();
}
