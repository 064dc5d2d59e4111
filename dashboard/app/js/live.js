// What happens in the tenant, as it happens: one stream for the whole tab. A tab that nobody looks at gives its connection back,
// and takes up where it was when it is looked at again; so does one whose connection broke.

import { ApiError, stream } from "./api.js";

const PAUSES = [1000, 2000, 5000, 15000];
const HIDDEN = 30000;

const handlers = new Set();
let last = null;
let stop = null;
let state = null;
let hiding = null;

/** Registers the store `live`, whose `connected` says whether pages are told what happens. */
export function install(Alpine) {
  Alpine.store("live", { connected: false });
  state = Alpine.store("live");
  const session = Alpine.store("session");
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) giveBack();
    else if (handlers.size) open(session);
  });
  Alpine.effect(() => {
    if (session.state === "out") forget();
    else if (handlers.size) open(session);
  });
  Alpine.magic("live", (_, { cleanup }) => (types, handler, missed) => {
    const off = on(types, handler, missed);
    cleanup(off);
    open(session);
    return off;
  });
}

/**
 * Calls `handler(type, event)` for each event whose type begins with one of `types`, and `missed()` where the stream begins: what was
 * read before may lack what nobody tells any more. The answer takes it back.
 */
export function on(types, handler, missed = () => {}) {
  const entry = { types, handler, missed };
  handlers.add(entry);
  return () => handlers.delete(entry);
}

function open(session) {
  if (stop || session.state !== "in" || !session.permissions.includes("read_events")) return;
  stop = new AbortController();
  follow(stop.signal);
  if (document.hidden) giveBack(); // opened in the background
}

function giveBack() {
  hiding = setTimeout(close, HIDDEN);
}

function close() {
  stop?.abort();
  stop = null;
  state.connected = false;
}

function forget() {
  close();
  last = null;
}

async function follow(signal) {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const opened = () => {
        state.connected = true;
        failures = 0;
        if (!last) for (const { missed } of [...handlers]) missed();
      };
      for await (const event of stream("GET", "/events", { query: { types: ">,source.ingest.progress" }, headers, signal, opened })) tell(event);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 422) last = null; // the id is of another time
      else if (error instanceof ApiError && [401, 403].includes(error.status)) return close();
    }
    state.connected = false;
    const pause = PAUSES[Math.min(failures, PAUSES.length - 1)];
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function tell({ id, event, data }) {
  if (id) last = id;
  if (!data) return;
  const told = JSON.parse(data);
  const type = event === "progress" ? "source.ingest.progress" : event;
  for (const { types, handler } of [...handlers]) {
    if (!types.some((wanted) => type.startsWith(wanted))) continue;
    try {
      handler(type, told);
    } catch (error) {
      reportError(error); // a fault of one page is none of the stream
    }
  }
}
