// list.js - the list of jobs: filters, search by id, endless by cursor, live.

import { getJob, key, listFunctions, listJobs, url } from "./api.js";
import { chartsPanel } from "./charts.js";
import { announce, copyButton, element, setText } from "./dom.js";
import { counted, curlKey, isTerminal, shellWord, STATUSES, statusWord } from "./format.js";
import { everySecond, keepFresh } from "./live.js";
import { jobTable } from "./list_table.js";
import { errorMessage, isFinal } from "./message.js";
import { jobSearch } from "./search.js";
import { setTitle } from "./title.js";

const FAST = 2000;  // ms between two looks while something moves
const SLOW = 6000;  // … and while nothing does
const PAGE = 50;
const CATCH_UP = 200; // the most that a page has: when more than PAGE came since the last look
const OLDER_AT_ONCE = 6; // older jobs that still move are asked for one by one, so many in a turn
const ROWS_MOST = 2000;

function curlLine() {
  return `curl ${shellWord(url("job").href)}${curlKey(key())} -H 'Content-Type: application/json' -d '{}'`;
}

function emptyState(filtered) {
  if (filtered) {
    return element("section", { class: "message" }, element("h2", {}, "Nothing here"), element("p", {}, "No job matches this filter."),
      element("p", { class: "row centred" }, element("a", { class: "button", href: "#/" }, "Show all jobs")));
  }
  const line = curlLine();
  return element("section", { class: "message" }, element("h2", {}, "No jobs yet"), element("p", {}, "Submit the first one from a terminal:"),
    element("pre", {}, line), element("p", { class: "row centred" }, copyButton("Copy", () => line), element("a", { class: "button", href: "#/new" }, "Submit from this page")));
}

function filterAddress(status, name, id = "") {
  const query = new URLSearchParams();
  if (status) query.set("status", status);
  if (name) query.set("function", name);
  if (id) query.set("id", id);
  return `#/${query.size > 0 ? `?${query}` : ""}`;
}

// The counts by status, the function, and beside them the search.
function filterBar(status, name, search) {
  const counts = new Map();
  const links = new Map();
  const chips = ["", ...STATUSES].map((value) => {
    const count = element("b");
    counts.set(value, count);
    const link = element("a", { class: `chip ${value}`, "aria-current": value === status ? "true" : null },
      value === "" ? "All" : statusWord(value), " ", count);
    links.set(value, link);
    return link;
  });
  const select = element("select", { "aria-label": "Function", onchange: () => { location.hash = filterAddress(status, select.value, search.text()); } }, element("option", { value: "" }, "All functions"));
  if (name) select.append(element("option", { value: name, selected: true }, name));
  function update(functions) {
    const totals = Object.fromEntries(STATUSES.map((value) => [value, 0]));
    for (const entry of functions) {
      if (![...select.options].some((option) => option.value === entry.name)) select.append(element("option", { value: entry.name }, entry.name));
      if (!name || entry.name === name) for (const value of STATUSES) totals[value] += entry.jobs?.[value] ?? 0;
    }
    for (const value of STATUSES) setText(counts.get(value), totals[value].toLocaleString());
    setText(counts.get(""), STATUSES.reduce((sum, value) => sum + totals[value], 0).toLocaleString());
    return totals;
  }
  function pointLinks() {
    for (const [value, link] of links) link.href = filterAddress(value, name, search.text());
  }
  // The other filters keep what is searched for, and so does the address of this one.
  function keepSearch() {
    pointLinks();
    history.replaceState(null, "", filterAddress(status, name, search.text()));
  }
  const node = element("div", { class: "filters" }, element("nav", { "aria-label": "Status", class: "chips" }, chips), element("div", { class: "row" }, select, search.node));
  pointLinks();
  return { node, update, keepSearch };
}

// What a waiting job's function and the workers are up to: a list does not tell why each one waits.
function loadOf(answer) {
  const functions = new Map((answer.functions ?? []).map((entry) => [entry.name, entry]));
  const busy = (answer.jobs?.RUNNING ?? 0) >= (answer.maxWorkers ?? Infinity);
  return (name) => {
    const entry = functions.get(name);
    return { paused: entry?.paused ?? false, full: entry?.concurrency > 0 && (entry.jobs?.RUNNING ?? 0) >= entry.concurrency, busy };
  };
}

export function showList(main, parameters) {
  const status = STATUSES.includes(parameters.get("status")) ? parameters.get("status") : "";
  const name = parameters.get("function") ?? "";
  const search = jobSearch(parameters.get("id") ?? "", { status, name }, searched);
  const filters = filterBar(status, name, search);
  const problem = element("p", { class: "note", role: "status" });
  const jobs = jobTable();
  const charts = chartsPanel();
  const content = element("div");
  const more = element("button", { type: "button", hidden: true, onclick: loadOlder }, "Older jobs");
  const end = element("p", { class: "row centred" }, more);
  let newest = [];
  let older = [];
  let isKnown = false; // the newest page has come
  let cursor;
  let etag;
  let failedBefore = null; // so that the tab tells when one fails while it is open
  let load = () => null;

  main.append(element("h1", { class: "visually-hidden" }, "Jobs"), charts.node, filters.node, search.hint, problem, content, end);
  if (parameters.has("search")) search.input.focus();

  function searched(asksStore) {
    show();
    if (!asksStore) return;
    filters.keepSearch();
    fresh.now();
  }
  function fill(kind, build) {
    if (content.dataset.shown !== kind) content.replaceChildren(build());
    content.dataset.shown = kind;
  }
  function show() {
    const loaded = [...newest, ...older];
    const shown = search.rows(loaded);
    search.say(shown);
    if (shown?.length > 0) {
      fill("jobs", () => jobs.node);
      jobs.show(shown, load);
    } else if (search.text() === "" && isKnown) fill("empty", () => emptyState(Boolean(status || name)));
    else if (shown) fill(`nothing ${search.text()}`, search.nothing);
    more.hidden = !cursor || loaded.length >= ROWS_MOST || search.text() !== "";
  }
  async function loadOlder() {
    if (more.disabled || more.hidden) return;
    more.disabled = true;
    try {
      const { body } = await listJobs({ status, name, cursor });
      const known = new Set([...newest, ...older].map((job) => job.jobId));
      older = [...older, ...body.jobs.filter((job) => !known.has(job.jobId))];
      cursor = body.next;
      show();
      announce(counted(body.jobs.length, "older job"));
      setText(problem, "");
    } catch (error) { setText(problem, error.message); }
    more.disabled = false;
  }
  // What is older than the newest page stays; what should be in it and is not has left this filter or has expired.
  function takeNewest(answer) {
    const page = answer.jobs;
    const last = page.at(-1)?.jobId;
    const inPage = new Set(page.map((job) => job.jobId));
    const loaded = [...newest, ...older];
    const below = answer.next ? loaded.filter((job) => job.jobId < last && !inPage.has(job.jobId)) : [];
    const joins = loaded.length === 0 || below.length === 0 || loaded.some((job) => inPage.has(job.jobId));
    const paged = older.length > 0 || below.length > 0;
    newest = page;
    older = joins && paged ? below : [];
    if (older.length === 0 || !joins) cursor = answer.next;
  }
  async function refreshNewest(signal) {
    let answer = await listJobs({ status, name, limit: PAGE, etag, signal });
    if (!answer.body) return;
    // Nothing in common with what is shown: look further before giving up what is below.
    const known = new Set(newest.map((job) => job.jobId));
    if (known.size > 0 && answer.body.next && !answer.body.jobs.some((job) => known.has(job.jobId))) answer = await listJobs({ status, name, limit: CATCH_UP, signal });
    ({ etag } = answer);
    isKnown = true;
    takeNewest(answer.body);
  }
  async function refreshOlder(signal) {
    const moving = older.filter((job) => !isTerminal(job.status) && job.asked !== true).slice(0, OLDER_AT_ONCE);
    for (const job of older) if (moving.length === 0) delete job.asked;
    for (const job of moving) job.asked = true;
    await Promise.all(moving.map(async (job) => {
      try {
        const { body } = await getJob(job.jobId, { signal });
        const stays = !status || body.status === status;
        older = stays ? older.map((other) => (other === job ? { ...body, asked: true } : other)) : older.filter((other) => other !== job);
      } catch (error) {
        if (![404, 410].includes(error.status)) throw error;
        older = older.filter((other) => other !== job);
      }
    }));
  }
  function tell(totals) {
    failedBefore ??= totals.FAILED;
    if (totals.FAILED < failedBefore) failedBefore = totals.FAILED;
    const failed = totals.FAILED - failedBefore;
    const words = [failed > 0 ? `${failed.toLocaleString()} failed` : "", totals.RUNNING > 0 ? `${totals.RUNNING.toLocaleString()} running` : ""].filter(Boolean);
    charts.node.hidden = STATUSES.every((value) => totals[value] === 0) && newest.length === 0 && !status && !name;
    setTitle(words.join(", ") || "Jobs", failed > 0 ? "FAILED" : totals.RUNNING > 0 ? "RUNNING" : "");
  }
  async function refresh(signal) {
    try {
      const [, functions] = await Promise.all([search.text() === "" ? refreshNewest(signal) : search.refresh(signal), listFunctions(signal)]);
      load = loadOf(functions);
      if (search.text() === "") await refreshOlder(signal);
      tell(filters.update(functions.functions ?? []));
      show();
      return (search.rows([...newest, ...older]) ?? []).some((job) => !isTerminal(job.status)) ? FAST : SLOW;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (isFinal(error)) {
        main.replaceChildren(errorMessage(error, () => dispatchEvent(new HashChangeEvent("hashchange"))));
        return null;
      }
      if (newest.length === 0) {
        content.replaceChildren(errorMessage(error, () => dispatchEvent(new HashChangeEvent("hashchange"))));
        content.dataset.shown = "error";
      }
      throw error;
    }
  }
  const watcher = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) loadOlder(); }, { rootMargin: "200px" });
  watcher.observe(more);
  const fresh = keepFresh(refresh);
  const stops = [fresh.stop, search.stop, everySecond(jobs.tick), () => watcher.disconnect(), charts.stop];
  return () => stops.forEach((stop) => stop());
}
