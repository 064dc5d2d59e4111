// The sources of all bots, or of one; what has children can be opened.

import { message, pager } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { go } from "../../router.js";

const SIZE = 50;
const LARGEST = 200;
const ASKED = 20;
const CLOSED = { rows: [], state: "ready", error: "", more: false, fetching: false };

export const list = () => ({
  list: pager("/sources"),
  opened: {},
  init() {
    this.load();
    this.$watch("$store.route.query", () => this.load());
    this.$watch("changed", () => this.load());
  },
  bot() {
    return this.$store.route.query.bot || "";
  },
  choose(event) {
    go(event.target.value ? `sources?bot=${event.target.value}` : "sources", { replace: true });
  },
  addPath(type) {
    return `#/sources/add/${type}${this.bot() ? `?bot=${this.bot()}` : ""}`;
  },
  /** As many as are shown, so that nothing jumps. */
  async load() {
    const limit = Math.min(LARGEST, Math.max(SIZE, this.list.rows.length));
    await this.list.load({ limit, bot_profile_id: this.bot() });
    for (const [id, rows] of Object.entries(this.opened)) {
      if (!this.list.rows.some((row) => row.id === id)) delete this.opened[id];
      else rows.load({ limit: Math.min(LARGEST, Math.max(20, rows.rows.length)) });
    }
    await this.followRuns();
  },
  /** How far those are that are being made, but for those of which events tell a count; a few at a time. */
  async followRuns() {
    for (const row of this.list.rows) this.runs.settle(row);
    const asked = this.list.rows.filter((row) => row.status === "processing" && (row.children_count || !this.runs.of[row.id]?.total));
    try {
      await Promise.all(asked.slice(0, ASKED).map((row) => this.runs.ask(row)));
    } catch (error) {
      toast(message(error), "bad");
    }
  },
  isOpen(source) {
    return source.id in this.opened;
  },
  toggle(source) {
    if (this.isOpen(source)) delete this.opened[source.id];
    else {
      this.opened[source.id] = pager(`/sources/${source.id}/children`, 20);
      this.opened[source.id].load();
    }
  },
  openOf(source) {
    return this.opened[source.id] || CLOSED;
  },
});
