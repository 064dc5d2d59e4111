// What a page shows while it loads, when it cannot, and when there is nothing.

import { ApiError, page } from "../api.js";
import { t } from "../i18n.js";
import { toast } from "./toasts.js";

/** Rows of a list that are read again at once, at most. */
const LARGEST = 200;

/** A sentence about an error, for people. What is no refusal of the API is a fault of ours, and reaches the console. */
export function message(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.code === "unreachable") return t("common.unreachable");
  if (error.status === 429 && error.retryAfter) return `${error.message} ${t("common.retry_in", { count: error.retryAfter })}`;
  return error.message || t("common.failed", { status: error.status });
}

/**
 * Part of a page that is loaded: `state` is 'loading', 'ready' or 'error'. In a component:
 * `things: loader(async () => get('/things'))`, then `things.load()` in `init`, and `things.value` when it is ready.
 */
export function loader(load, initial = null) {
  let latest = 0;
  return {
    state: "loading",
    value: initial,
    error: "",
    async load(...args) {
      const turn = ++latest;
      if (this.state === "error") this.state = "loading";
      try {
        const value = await load(...args);
        if (turn !== latest) return;
        Object.assign(this, { value, error: "", state: "ready" });
      } catch (error) {
        if (turn !== latest || error.name === "AbortError") return;
        Object.assign(this, { error: message(error), state: "error" });
      }
    },
  };
}

/**
 * A list that grows page by page: `rows`, `more` (whether there are), `load(query)` from the start, `again()` the same as far as it was read, `next()`.
 * Its states are shown by the parts list/waiting and list/more.
 */
export function pager(path, size = 50) {
  let latest = 0;
  let asked = {};
  return {
    state: "loading",
    rows: [],
    error: "",
    after: null,
    fetching: false,
    get more() {
      return this.after !== null;
    },
    get empty() {
      return this.state === "ready" && this.rows.length === 0;
    },
    async load(query = {}) {
      asked = query;
      await this._begin(query);
    },
    again() {
      return this._begin({ ...asked, limit: Math.min(LARGEST, Math.max(asked.limit || size, this.rows.length)) });
    },
    async next() {
      if (!this.after || this.fetching) return;
      this.fetching = true;
      try {
        await this._take(latest, () => page(this.after), true);
      } finally {
        this.fetching = false;
      }
    },
    async _begin(query) {
      const turn = ++latest;
      if (this.state !== "ready") this.state = "loading";
      await this._take(turn, () => page(path, { limit: size, ...query }), false);
    },
    async _take(turn, ask, isMore) {
      try {
        const { rows, next } = await ask();
        if (turn !== latest) return;
        Object.assign(this, { rows: isMore ? this.rows.concat(rows) : rows, after: next, error: "", state: "ready" });
      } catch (error) {
        if (turn !== latest) return;
        if (isMore) toast(message(error), "bad"); // what is there stays
        else Object.assign(this, { error: message(error), state: "error" });
      }
    },
  };
}
