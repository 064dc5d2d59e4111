// What the bots, sources and people of the tenant are called: events tell ids alone.

import Alpine from "../../vendor/alpine.esm.js";

import { all, ApiError } from "../api.js";

const LISTS = {
  bots: ["/bot-profiles", "read_bots", {}],
  sources: ["/sources", "read_sources", { include_children: true }],
  users: ["/users", "read_users", {}],
};

const names = Alpine.reactive({ bots: {}, sources: {}, users: {} });
let owner = null;

/** Asks for the names that the person may read. Those of before stay until then, and names of events are learnt. */
export async function loadNames() {
  const session = Alpine.store("session");
  if (owner !== session.user?.id) for (const kind of Object.keys(LISTS)) names[kind] = {};
  owner = session.user?.id;
  await Promise.all(
    Object.entries(LISTS).map(async ([kind, [path, permission, query]]) => {
      if (!session.permissions.includes(permission)) return;
      try {
        for (const row of await all(path, query)) names[kind][row.id] = row.name || row.email;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error; // sentences do without; what the page is about says what is wrong
      }
    }),
  );
}

/** Learns what an event tells of a name. */
export function learn({ type, data }) {
  if (["bot.created", "bot.updated"].includes(type)) names.bots[data.bot_id] = data.name;
  else if (["source.created", "source.updated"].includes(type)) names.sources[data.source_id] = data.name;
  else if (data.source_id && data.source_name) names.sources[data.source_id] = data.source_name;
}

/** The name of a bot, source or user; the end of its id where none is known. */
export const nameOf = (kind, id) => names[kind][id] || (id ? `…${id.slice(-6)}` : "–");

/** Everybody who is known, by name. */
export const people = () => Object.entries(names.users).sort(([, one], [, other]) => one.localeCompare(other));
