// list.js - the list of jobs: filters, search by id, endless by cursor, live.

import { listJobs, listFunctions, url } from "./api.js";
import { announce, copy, element, setText } from "./dom.js";
import { age, isTerminal, runTime, shellWord, STATUSES, whyItWaits } from "./format.js";
import { everySecond, keepFresh } from "./live.js";
import { errorMessage } from "./message.js";
import { setTitle } from "./title.js";

const FAST = 2000; // ms between two looks while something moves
const SLOW = 6000; // … and while nothing does
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function curlLine(name) {
  const query = name ? `?function=${name}` : "";
  return `curl -X POST ${shellWord(url(`job${query}`).href)} -H 'Content-Type: application/json' -d '{}'`;
}

function emptyState(filtered) {
  if (filtered) return element("section", { class: "message" }, element("h1", {}, "Nothing here"), element("p", {}, "No job matches this filter. "), element("a", { class: "button", href: "#/" }, "Show all jobs"));
  const line = curlLine();
  return element("section", { class: "message" }, element("h1", {}, "No jobs yet"), element("p", {}, "Submit the first one from a terminal:"),
    element("pre", {}, line), element("p", { class: "row message-actions" }, element("button", { type: "button", onclick: (event) => copy(event.target, line) }, "Copy"), element("a", { class: "button", href: "#/new" }, "Submit from this page")));
}

// One row. Cells that move are updated in place, so that selection and focus stay where they are.
function makeRow() {
  const link = element("a", { class: "mono" });
  const cells = { status: element("span"), name: element("td"), detail: element("td"), made: element("td", { class: "number note" }), took: element("td", { class: "number" }) };
  const bar = element("progress", { max: 100, hidden: true });
  const words = element("span", { class: "note" });
  cells.detail.append(bar, " ", words);
  const row = element("tr", {}, element("td", {}, cells.status), cells.name, element("td", {}, link), cells.detail, cells.made, cells.took);
  row.addEventListener("click", (event) => { if (!event.target.closest("a") && !getSelection().toString()) link.click(); });

  function tick(now) {
    setText(cells.made, age(row.job.createdAt, now));
    setText(cells.took, runTime(row.job, now));
    if (row.job.status === "QUEUED") setText(words, whyItWaits(row.job, now));
  }
  function update(job) {
    row.job = job;
    row.dataset.job = job.jobId;
    link.href = `#/job/${job.jobId}`;
    setText(link, job.jobId);
    cells.status.className = `status ${job.status}`;
    setText(cells.status, job.status);
    setText(cells.name, job.function ?? "");
    const running = job.status === "RUNNING";
    bar.hidden = !(running && job.progress);
    if (running && job.progress) bar.value = job.progress.percent;
    bar.setAttribute("aria-label", `Progress of ${job.jobId}`);
    setText(words, job.error ? `${job.error.type}: ${job.error.message}` : running ? job.progress?.message ?? "" : "");
    tick(Date.now());
  }
  return { row, update, tick };
}

function table() {
  const body = element("tbody");
  const head = ["Status", "Function", "Job", "Progress", "Submitted", "Took"].map((text) => element("th", { scope: "col" }, text));
  const node = element("table", { class: "jobs" }, element("caption", { class: "visually-hidden" }, "Jobs, newest first"), element("thead", {}, element("tr", {}, head)), body);
  const rows = new Map();

  // `jobs` is the newest page; older rows that were loaded before stay below it.
  function show(jobs, older) {
    const wanted = [...jobs, ...older];
    const keep = new Set(wanted.map((job) => job.jobId));
    for (const [id, entry] of rows) if (!keep.has(id)) { entry.row.remove(); rows.delete(id); }
    wanted.forEach((job, index) => {
      let entry = rows.get(job.jobId);
      if (!entry) { entry = makeRow(); rows.set(job.jobId, entry); }
      if (entry.row.job !== job) entry.update(job);
      if (body.children[index] !== entry.row) body.insertBefore(entry.row, body.children[index] ?? null);
    });
  }
  return { node, show, tick: (now) => { for (const entry of rows.values()) entry.tick(now); } };
}

function filterAddress(status, name) {
  const query = new URLSearchParams();
  if (status) query.set("status", status);
  if (name) query.set("function", name);
  return `#/${query.size > 0 ? `?${query}` : ""}`;
}

function filterBar(status, name) {
  const counts = new Map();
  const chips = ["", ...STATUSES].map((value) => {
    const count = element("b");
    counts.set(value, count);
    return element("button", { type: "button", class: "chip", "aria-pressed": String(value === status), onclick: () => { location.hash = filterAddress(value, name); } },
      value === "" ? "All" : value[0] + value.slice(1).toLowerCase(), " ", count);
  });
  const select = element("select", { "aria-label": "Function", onchange: () => { location.hash = filterAddress(status, select.value); } }, element("option", { value: "" }, "All functions"));
  if (name) select.append(element("option", { value: name, selected: true }, name));
  const hint = element("span", { class: "note", role: "status" });
  const search = element("input", { id: "search", type: "search", placeholder: "Job id ( / )", "aria-label": "Search by job id", autocomplete: "off", size: 38 });
  const form = element("form", { role: "search", onsubmit: (event) => {
    event.preventDefault();
    const text = search.value.trim();
    if (ID.test(text)) location.hash = `#/job/${text.toLowerCase()}`;
    else setText(hint, "A job id has 36 characters, like 0199aaaa-…");
  } }, search);
  function update(functions) {
    const totals = Object.fromEntries(STATUSES.map((value) => [value, 0]));
    for (const entry of functions) {
      if (![...select.options].some((option) => option.value === entry.name)) select.append(element("option", { value: entry.name }, entry.name));
      if (!name || entry.name === name) for (const value of STATUSES) totals[value] += entry.jobs?.[value] ?? 0;
    }
    for (const value of STATUSES) setText(counts.get(value), String(totals[value]));
    setText(counts.get(""), String(STATUSES.reduce((sum, value) => sum + totals[value], 0)));
    return totals;
  }
  return { node: element("div", { class: "filters" }, chips, select, element("span", { class: "grow" }), form, hint), update, search };
}

export function showList(main, parameters) {
  const status = STATUSES.includes(parameters.get("status")) ? parameters.get("status") : "";
  const name = parameters.get("function") ?? "";
  const filters = filterBar(status, name);
  const jobs = table();
  const content = element("div");
  const more = element("button", { type: "button", hidden: true, onclick: loadOlder }, "Older jobs");
  let older = [];
  let cursor;
  let etag;
  let newest = [];
  main.append(element("h1", { class: "visually-hidden" }, "Jobs"), filters.node, content, element("p", { class: "row" }, more));
  if (parameters.has("search")) filters.search.focus();

  function show() {
    const shown = new Set(newest.map((job) => job.jobId));
    older = older.filter((job) => !shown.has(job.jobId));
    if (newest.length + older.length === 0) content.replaceChildren(emptyState(Boolean(status || name)));
    else {
      if (content.firstChild !== jobs.node) content.replaceChildren(jobs.node);
      jobs.show(newest, older);
    }
    more.hidden = !cursor;
  }
  async function loadOlder() {
    if (more.disabled || !cursor) return;
    more.disabled = true;
    try {
      const { body } = await listJobs({ status, name, cursor });
      older = [...older, ...body.jobs];
      cursor = body.next;
      show();
      announce(`${body.jobs.length} older jobs`);
    } finally { more.disabled = false; }
  }
  async function refresh(signal) {
    try {
      const [answer, functions] = await Promise.all([listJobs({ status, name, etag, signal }), listFunctions(signal)]);
      const totals = filters.update(functions.functions ?? []);
      if (answer.body) {
        // What falls off the newest page is older now, not gone.
        const fallen = newest.filter((job) => !answer.body.jobs.some((other) => other.jobId === job.jobId));
        const first = newest.length === 0;
        ({ etag } = answer);
        newest = answer.body.jobs;
        if (older.length > 0 || !first) older = older.length > 0 ? [...fallen, ...older] : older;
        if (first || older.length === 0) cursor = answer.body.next;
        show();
      }
      setTitle(totals.RUNNING > 0 ? `${totals.RUNNING} running` : "", totals.RUNNING > 0 ? "RUNNING" : "");
      return newest.some((job) => !isTerminal(job.status)) ? FAST : SLOW;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (newest.length === 0 || error.status === 401 || error.status === 403) content.replaceChildren(errorMessage(error, () => dispatchEvent(new HashChangeEvent("hashchange"))));
      if (error.status === 401 || error.status === 403) return null;
      throw error;
    }
  }
  const watcher = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) loadOlder(); });
  watcher.observe(more);
  const stops = [keepFresh(refresh), everySecond(jobs.tick), () => watcher.disconnect()];
  return () => stops.forEach((stop) => stop());
}
