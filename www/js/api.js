// api.js - the HTTP contract, seen from a page that may be mounted anywhere: every path is relative to the page.

const BASE = new URL(".", document.baseURI);
const KEY = "jobgate-key"; // sessionStorage: gone with the tab

export function url(path) {
  return new URL(path, BASE);
}

let keyHere = ""; // where storage is forbidden, for as long as the page is open

export function key() {
  try { return sessionStorage.getItem(KEY) ?? ""; } catch { return keyHere; }
}

export function setKey(text) {
  keyHere = text;
  try {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch { /* keyHere has it */ }
  dispatchEvent(new CustomEvent("jobgate-key"));
}

// What went wrong, as the page tells it: status 0 means that no answer came.
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.error ?? (status === 0 ? "The server does not answer." : `The server answered ${status}.`));
    this.status = status;
    this.problem = problem ?? {};
  }
}

async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key()) headers.set("Authorization", `Bearer ${key()}`);
  let response;
  try {
    response = await fetch(url(path), { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
  if (response.ok || response.status === 304) return response;
  let problem;
  try { problem = await response.json(); } catch { /* a proxy's page, perhaps: the status says enough */ }
  throw new ApiError(response.status, problem);
}

// The body is null when nothing has changed since the ETag that was sent.
async function json(path, options) {
  const response = await request(path, options);
  let body = null;
  try {
    if (response.status !== 304) body = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0); // cut off on the way
  }
  return { status: response.status, etag: response.headers.get("ETag"), body };
}

const since = (etag) => (etag ? { "If-None-Match": etag } : {});
const jobPath = (id) => `job/${encodeURIComponent(id)}`;

// With `wait` (seconds) the answer comes when the job differs from `etag`.
export function getJob(id, { etag, wait, signal } = {}) {
  return json(jobPath(id) + (wait ? `?wait=${wait}` : ""), { headers: since(etag), signal });
}

// `id`: only jobs whose id begins so.
export function listJobs({ status, name, id, cursor, limit = 50, etag, signal } = {}) {
  const query = new URLSearchParams({ limit });
  if (status) query.set("status", status);
  if (name) query.set("function", name);
  if (id) query.set("id", id);
  if (cursor) query.set("cursor", cursor);
  return json(`job?${query}`, { headers: since(etag), signal });
}

export async function listFunctions(signal) {
  return (await json("functions", { signal })).body;
}

export async function getStats(window, signal) {
  return (await json(`stats?window=${window}`, { signal })).body;
}

const post = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body });

export async function submitJob(name, body, delay) {
  const query = new URLSearchParams();
  if (name) query.set("function", name);
  if (delay > 0) query.set("delay", delay);
  return (await json(`job?${query}`, post(body))).body;
}

export async function retryJob(id, body) {
  return (await json(`${jobPath(id)}/retry`, body === undefined ? { method: "POST" } : post(body))).body;
}

export async function cancelJob(id, reason) {
  const query = reason ? `?${new URLSearchParams({ reason })}` : "";
  return (await json(jobPath(id) + query, { method: "DELETE" })).body;
}

export async function eraseJob(id) {
  return (await json(`${jobPath(id)}?purge=true`, { method: "DELETE" })).body;
}

export function part(id, name, { offset, signal } = {}) {
  return request(`${jobPath(id)}/${name}${offset ? `?offset=${offset}` : ""}`, { signal });
}
