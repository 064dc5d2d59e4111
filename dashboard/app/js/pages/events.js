import { eventDetail } from "../components/event-detail.js";
import { iconOf, KINDS, kindOf, moodOf, patterns } from "../components/happened.js";
import { pager } from "../components/loading.js";
import { learn, loadNames } from "../components/names.js";

/** Rows that are kept; older ones are in the audit log. */
const MOST = 300;

const PROGRESS = "source.ingest.progress";
const ENDS = ["completed", "unchanged", "failed", "cancelled"].map((end) => `source.ingest.${end}`);
const MOODS = {
  bad: "bg-red-100 text-red-900 dark:bg-red-950 dark:text-red-300",
  good: "bg-emerald-100 text-emerald-900 dark:bg-emerald-950 dark:text-emerald-300",
  plain: "bg-zinc-100 text-zinc-700 dark:bg-zinc-800 dark:text-zinc-300",
};

/** How an ingestion comes along, as an event like the others: one for each source. */
const progressed = (data) => ({ id: `progress-${data.source_id}`, type: PROGRESS, time: new Date().toISOString(), actor: "system:ingest", data });

export default () => ({
  ...eventDetail(),
  rows: [],
  waiting: [],
  kinds: Object.keys(KINDS),
  chosen: [],
  paused: false,
  earlier: pager("/audit"),
  init() {
    loadNames();
    const take = (type, event) => this.take(type === PROGRESS ? progressed(event) : event);
    this.$live([""], take, () => this.$can("read_audit") && this.earlier.again());
    this.loadEarlier();
  },
  loadEarlier() {
    if (this.$can("read_audit")) return this.earlier.load({ types: this.chosen.length ? patterns(this.chosen) : patterns(this.kinds) });
  },
  take(event) {
    if (event.type === PROGRESS && this.isOver(event.data)) return; // told by another way than the end, and later
    learn(event);
    if (this.paused) this.waiting = [event, ...this.waiting].slice(0, MOST);
    else this.rows = this.with(this.rows, [event]);
  },
  isOver({ source_id, version }) {
    return [...this.waiting, ...this.rows].some(({ type, data }) => ENDS.includes(type) && data.source_id === source_id && data.version === version);
  },
  with(rows, fresh) {
    let kept = rows;
    for (const event of fresh) {
      const done = event.type.startsWith("source.ingest.") ? `progress-${event.data.source_id}` : null;
      kept = [event, ...kept.filter((row) => row.id !== done && row.id !== event.id)];
    }
    return kept.slice(0, MOST);
  },
  toggle() {
    this.paused = !this.paused;
    if (this.paused) return;
    this.rows = this.with(this.rows, this.waiting.toReversed());
    this.waiting = [];
  },
  choose(kind) {
    this.chosen = this.chosen.includes(kind) ? this.chosen.filter((one) => one !== kind) : [...this.chosen, kind];
    this.loadEarlier();
  },
  everything() {
    this.chosen = [];
    this.loadEarlier();
  },
  shown() {
    return this.chosen.length ? this.rows.filter((row) => this.chosen.includes(kindOf(row.type))) : this.rows;
  },
  before() {
    const live = new Set(this.rows.map((row) => row.id));
    return this.earlier.rows.filter((row) => !live.has(row.id)).slice(0, MOST);
  },
  canMore() {
    return this.earlier.more && this.earlier.rows.length < MOST;
  },
  connection() {
    if (this.paused) return "paused";
    return this.$store.live.connected ? "connected" : "connecting";
  },
  progressOf(row) {
    return row.type === PROGRESS && row.data.total ? row.data.done / row.data.total : null;
  },
  mood(row) {
    return MOODS[moodOf(row)];
  },
  iconOf,
});
