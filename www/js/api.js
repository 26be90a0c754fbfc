// api.js - the HTTP contract, seen from a page that may be mounted anywhere: every path is relative to the page.

const BASE = new URL(".", document.baseURI);
const KEY = "jobgate-key"; // sessionStorage: gone with the tab

export function url(path) {
  return new URL(path, BASE);
}

export function key() {
  return sessionStorage.getItem(KEY) ?? "";
}

export function setKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

// What went wrong, as the page tells it: status 0 means that no answer came.
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.error ?? (status === 0 ? "The server does not answer." : `HTTP ${status}`));
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

async function json(path, options) {
  const response = await request(path, options);
  return { status: response.status, etag: response.headers.get("ETag"), body: response.status === 200 || response.status === 202 ? await response.json() : null };
}

// The answer's body is null when nothing has changed since `etag`; with `wait` (seconds) it comes when something has.
export function getJob(id, { etag, wait, signal } = {}) {
  const query = wait ? `?wait=${wait}` : "";
  return json(`job/${encodeURIComponent(id)}${query}`, { headers: etag ? { "If-None-Match": etag } : {}, signal });
}

export function listJobs({ status, name, cursor, limit = 50, etag, signal } = {}) {
  const query = new URLSearchParams({ limit });
  if (status) query.set("status", status);
  if (name) query.set("function", name);
  if (cursor) query.set("cursor", cursor);
  return json(`job?${query}`, { headers: etag ? { "If-None-Match": etag } : {}, signal });
}

export async function listFunctions(signal) {
  return (await json("functions", { signal })).body;
}

const post = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body });

export async function submitJob(name, body, delay) {
  const query = new URLSearchParams();
  if (name) query.set("function", name);
  if (delay > 0) query.set("delay", delay);
  return (await json(`job?${query}`, post(body))).body;
}

export async function retryJob(id, body) {
  return (await json(`job/${encodeURIComponent(id)}/retry`, body === undefined ? { method: "POST" } : post(body))).body;
}

export async function cancelJob(id, reason) {
  const query = reason ? `?${new URLSearchParams({ reason })}` : "";
  return (await json(`job/${encodeURIComponent(id)}${query}`, { method: "DELETE" })).body;
}

export function part(id, name, { offset, signal } = {}) {
  const query = offset ? `?offset=${offset}` : "";
  return request(`job/${encodeURIComponent(id)}/${name}${query}`, { signal });
}
