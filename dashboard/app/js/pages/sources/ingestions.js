// Every making of a version: how far it is, or how it ended and why.

import { pager } from "../../components/loading.js";

export const ingestions = () => ({
  list: pager("/sources"),
  init() {
    this.open();
    this.$watch("place.id", (id) => id && this.open());
    this.$watch("changed", () => this.load(Math.min(200, Math.max(50, this.list.rows.length))));
  },
  open() {
    this.list = pager(`/sources/${this.place.id}/ingestions`);
    return this.load(50);
  },
  async load(limit) {
    await this.list.load({ limit });
    this.list.rows.toReversed().forEach((row) => this.runs.take(row));
  },
  /** What the events have said of it since it was asked for. */
  liveOf(row) {
    const run = this.runs.of[row.source_id];
    return run?.version === row.version ? [run] : [];
  },
  stateOf(row) {
    return this.liveOf(row)[0]?.status || row.status;
  },
});
