// The one way to the API: cookies and CSRF token, problems as errors, lists by their Link, streams, uploads.

import { events } from "./sse.js";

const BASE = "/v1";
const SAFE = new Set(["GET", "HEAD"]);
/** What says that a browser has no login: none, of another page, of an account that is gone. */
const NO_LOGIN = new Set([401, 403, 404]);

/** A refusal as the API words it (RFC 9457): status (0: not reached), code, a sentence, and what is wrong with which field. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || "");
    this.status = status;
    this.code = problem.code || (status ? "error" : "unreachable");
    this.traceId = problem.trace_id || null;
    this.retryAfter = problem.retryAfter || null;
    this.fields = Object.fromEntries(
      (problem.errors || []).map((error) => [error.loc.filter((part) => part !== "body").join("."), error.msg]),
    );
  }
}

let csrf = null;
let onLoggedOut = () => {};
let onBusy = () => {};

/** Who is told that the login has ended, and of requests that begin (+1) and end (-1). */
export function watch({ loggedOut, busy }) {
  onLoggedOut = loggedOut;
  onBusy = busy;
}

/** The token that every changing request must carry; it comes with the login. */
export function setCsrf(token) {
  csrf = token;
}

/** What other clients of the API than this one (tus) send as X-CSRF-Token. */
export const csrfToken = () => csrf;

export const get = (path, query) => json("GET", path, { query });
export const post = (path, body, options) => json("POST", path, { body, ...options });
export const patch = (path, body) => json("PATCH", path, { body });
export const del = (path) => json("DELETE", path);

/** A page of a list: its rows, and the address of the next page or null. */
export async function page(path, query) {
  const response = await request("GET", path, { query });
  return { rows: await parsed(response), next: nextOf(response) };
}

/** All rows of a list that is known to be short, at most `limit`. */
export async function all(path, query = {}, limit = 1000) {
  let { rows, next } = await page(path, { limit: 200, ...query });
  while (next && rows.length < limit) {
    const more = await page(next);
    rows = rows.concat(more.rows);
    next = more.next;
  }
  return rows.slice(0, limit);
}

/** Server-sent events of a GET or POST, as an async iterator of {id, event, data}; headers are given to `opened`. */
export async function* stream(method, path, { body, query, headers, signal, opened } = {}) {
  const response = await request(method, path, { body, query, headers, signal, quiet: true });
  opened?.(response.headers);
  yield* events(response.body);
}

/** Sends a form with files; `progress` hears of a part from 0 to 1. fetch cannot tell how much is sent, XMLHttpRequest can. */
export async function upload(path, form, { progress, signal } = {}) {
  onBusy(1);
  try {
    const first = await sent(path, form, progress, signal);
    const answer = first.status === 401 && (await renewed()) ? await sent(path, form, progress, signal) : first;
    if (answer.status === 401) onLoggedOut();
    if (answer.status >= 400) throw refusal(answer.status, answer.text);
    return JSON.parse(answer.text);
  } finally {
    onBusy(-1);
  }
}

/** Lets the browser save what a GET answers, without holding it in memory. */
export function download(path, query) {
  const link = document.createElement("a");
  link.href = address(path, query);
  link.download = "";
  link.click();
}

/** Where a path of the API is, with a query of what is neither null nor empty. */
export function address(path, query) {
  const entries = Object.entries(query || {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const start = path.startsWith(BASE) ? path : BASE + path;
  return entries.length ? `${start}?${new URLSearchParams(entries)}` : start;
}

async function json(method, path, options = {}) {
  const response = await request(method, path, options);
  return response.status === 204 ? null : parsed(response);
}

/** One request; a login that has run out is renewed once, and the request repeated. */
export async function request(method, path, options = {}) {
  if (!options.quiet) onBusy(1);
  try {
    let response = await fetched(method, path, options);
    if (!options.once && (await isOver(response)) && (await renewed())) response = await fetched(method, path, options);
    if (response.status === 401 && !options.once) onLoggedOut();
    if (!response.ok) throw await problemOf(response);
    return response;
  } finally {
    if (!options.quiet) onBusy(-1);
  }
}

/** The login, or the token that belonged to it: another tab may have logged in anew. */
async function isOver(response) {
  if (response.status !== 403) return response.status === 401;
  return (await problemOf(response.clone())).code === "csrf_token";
}

async function fetched(method, path, { body, query, headers = {}, signal }) {
  const sending = { method, signal, credentials: "same-origin", headers: { Accept: "application/json, text/event-stream", ...headers } };
  if (body !== undefined && body !== null) {
    sending.body = JSON.stringify(body);
    sending.headers["Content-Type"] = "application/json";
  }
  if (!SAFE.has(method) && csrf) sending.headers["X-CSRF-Token"] = csrf;
  try {
    return await fetch(address(path, query), sending);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
}

/**
 * The login as it is now, renewed where its time is over; null where there is none any more. A refresh token is good for one
 * use, so that tabs take turns, and look first at what the other got. Raises ApiError where nobody can tell.
 */
export function renewed() {
  return alone(async () => {
    for (const [method, path] of [
      ["GET", "/auth/browser"],
      ["POST", "/auth/browser/refresh"],
    ]) {
      const response = await fetched(method, path, {});
      if (response.ok) {
        const login = await parsed(response);
        csrf = login.csrf_token;
        return login;
      }
      if (!NO_LOGIN.has(response.status)) throw await problemOf(response);
    }
    return null;
  });
}

/** Locks are only there under https. */
const alone = (act) => (navigator.locks ? navigator.locks.request("minirag-refresh", act) : act());

/** A body that breaks off, or is not the API's. */
async function parsed(response) {
  try {
    return await response.json();
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError(0);
  }
}

function sent(path, form, progress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", address(path));
    if (csrf) sending.setRequestHeader("X-CSRF-Token", csrf);
    sending.upload.onprogress = (event) => event.lengthComputable && progress?.(event.loaded / event.total);
    sending.onload = () => resolve({ status: sending.status, text: sending.responseText });
    sending.onerror = () => reject(new ApiError(0));
    sending.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal?.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

async function problemOf(response) {
  const error = refusal(response.status, await response.text());
  error.retryAfter = Number(response.headers.get("Retry-After")) || null;
  return error;
}

function refusal(status, text) {
  try {
    return new ApiError(status, JSON.parse(text));
  } catch {
    return new ApiError(status); // a proxy between us and the API does not speak its language
  }
}

function nextOf(response) {
  const found = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") || "");
  if (!found) return null;
  const url = new URL(found[1], response.url);
  return url.pathname + url.search;
}
