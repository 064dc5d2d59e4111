import { eventDetail } from "../../components/event-detail.js";
import { KINDS, patterns } from "../../components/happened.js";
import { pager } from "../../components/loading.js";
import { loadNames, people } from "../../components/names.js";
import { go } from "../../router.js";

const FILTERS = ["kind", "type", "actor", "from", "to"];

/** The beginning of a day here, so many days later, as the API wants it. */
function dayStart(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  const moment = new Date(year, month - 1, date + later);
  return Number.isNaN(moment.getTime()) ? "" : moment.toISOString();
}

/** What the address filters by, as a query of `GET /audit`; both days belong to it. */
export function questionOf({ kind, type, actor, from, to }) {
  return {
    ...(type ? { types: type } : kind in KINDS ? { types: patterns([kind]) } : {}),
    ...(actor ? { actor } : {}),
    ...(from ? { from: dayStart(from) } : {}),
    ...(to ? { to: dayStart(to, 1) } : {}),
  };
}

export const audit = () => ({
  ...eventDetail(),
  list: pager("/audit", 50),
  kinds: Object.keys(KINDS),
  filters: {},
  init() {
    loadNames();
    this.$watch("$store.route.query", () => this.follow());
    this.follow();
  },
  follow() {
    const { page, parts, query } = this.$store.route;
    if (page !== "settings" || parts[0] !== "audit") return;
    this.filters = Object.fromEntries(FILTERS.map((name) => [name, query[name] || ""]));
    this.load();
  },
  load() {
    return this.list.load(questionOf(this.filters));
  },
  apply() {
    const given = Object.entries(this.filters).filter(([, value]) => value.trim());
    go(`settings/audit${given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, value.trim()]))}` : ""}`);
  },
  isFiltered() {
    return FILTERS.some((name) => this.filters[name]);
  },
  clear() {
    this.filters = Object.fromEntries(FILTERS.map((name) => [name, ""]));
    this.apply();
  },
  people() {
    return people().map(([id, name]) => ({ actor: `user:${id}`, name }));
  },
  isUnknownActor() {
    const { actor } = this.filters;
    return Boolean(actor) && actor !== "anonymous" && !this.people().some((one) => one.actor === actor);
  },
});
