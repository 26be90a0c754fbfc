// search.js - the search by id: a whole one opens its job, the beginning of one is looked for in the store, and what is loaded
// anyway is searched for any part of one.

import { listJobs } from "./api.js";
import { announce, element, setText } from "./dom.js";
import { counted } from "./format.js";

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/; // also in a link that was pasted
const DIGITS = /^[0-9a-f]{1,32}$/;
const TYPING = 200; // ms after the last key

// `changed` is called with true when the store should be asked at once, with false when only what is shown has to change.
export function jobSearch(first, { status, name }, changed) {
  const input = element("input", { id: "search", type: "search", placeholder: "Search by job id", "aria-label": "Search by job id", autocomplete: "off", spellcheck: "false", class: "mono", value: first, oninput: typed });
  const node = element("form", { role: "search", class: "search", onsubmit: entered }, input, element("kbd", { "aria-hidden": "true" }, "/"));
  const hint = element("p", { class: "note", role: "status" });
  let wanted = read();
  let answered = ""; // what `found` begins with
  let found = [];
  let isCut = false;
  let etag;
  let opens = false; // Enter was pressed before the answer came
  let timer = 0;

  function read() {
    const text = input.value.trim().toLowerCase();
    return ID.exec(text)?.[0] ?? text;
  }
  function typed() {
    wanted = read();
    opens = false;
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING, true);
    changed(false);
  }
  function entered(event) {
    event.preventDefault();
    if (ID.test(wanted)) location.hash = `#/job/${wanted}`;
    else if (wanted !== "") {
      opens = true;
      clearTimeout(timer);
      changed(true);
    }
  }
  function clear() {
    input.value = "";
    typed();
    input.focus();
  }
  async function refresh(signal) {
    const asked = wanted;
    const isBeginning = DIGITS.test(asked.replaceAll("-", ""));
    const answer = isBeginning ? await listJobs({ status, name, id: asked, etag: asked === answered ? etag : undefined, signal }) : { body: { jobs: [] } };
    if (asked !== wanted) return;
    answered = asked;
    ({ etag } = answer);
    if (answer.body) {
      found = answer.body.jobs;
      isCut = Boolean(answer.body.next);
    }
  }
  // What is to be shown of what is loaded, and what was found beside it. Null: that is not known yet.
  function rows(loaded) {
    if (wanted === "") return loaded;
    const all = new Map(loaded.filter((job) => job.jobId.includes(wanted)).map((job) => [job.jobId, job]));
    for (const job of found) if (answered === wanted || job.jobId.startsWith(wanted)) all.set(job.jobId, job);
    return all.size === 0 && answered !== wanted ? null : [...all.values()].sort((a, b) => (a.jobId < b.jobId ? 1 : -1));
  }
  function say(shown) {
    if (opens && answered === wanted && shown?.length === 1) location.hash = `#/job/${shown[0].jobId}`;
    const enter = ID.test(wanted) || shown?.length === 1 ? ". Enter opens it." : isCut ? " and more: another digit of the id tells them apart." : ".";
    setText(hint, wanted === "" || !shown?.length ? "" : `${counted(shown.length, "job")} found${enter}`);
  }
  function nothing() {
    announce("No such job");
    return element("section", { class: "message" }, element("h2", {}, "No such job"),
      element("p", {}, "No job has an id that begins with ", element("b", { class: "mono break" }, wanted), status || name ? " among those of this filter." : "."),
      element("p", { class: "row centred" }, element("button", { type: "button", onclick: clear }, "Clear the search")));
  }
  return { node, hint, input, refresh, rows, say, nothing, text: () => wanted, stop: () => clearTimeout(timer) };
}
