// What is being made right now, by source: asked for once, then kept up to date by the events.

import { get } from "../../api.js";

const RUNNING = ["queued", "processing", "retrying"];
const ENDS = ["completed", "unchanged", "failed", "cancelled"].map((end) => `source.ingest.${end}`);

/** `of[source id]` is an ingestion that runs: status, stage, done, total, percent (null: not known), error, next_attempt_at. */
export function runs() {
  return {
    of: {},
    ended: {},
    /** Asks how far a source is; of a parent also how many of its children have been made. */
    async ask(source) {
      const rows = await get(`/sources/${source.id}/ingestions`, { limit: source.children_count ? 200 : 1 });
      rows.toReversed().forEach((row) => this.take(row));
      if (source.children_count && !this.of[source.id]) this._sum(source, rows);
    },
    /** A row of a list of ingestions, older ones first. */
    take(row) {
      if (RUNNING.includes(row.status) && row.version > (this.ended[row.source_id] || 0)) {
        if (this._knowsMore(row)) this.of[row.source_id].attempt = row.attempt;
        else this.of[row.source_id] = { ...row, percent: row.total ? row.percent : null };
      } else if ((this.of[row.source_id]?.version || 0) <= row.version) delete this.of[row.source_id];
    },
    /** Whether it has to be asked about: anything but a count has changed, or an attempt failed and nobody told. */
    hear(type, event) {
      const told = event.data || event;
      const id = told.source_id;
      if (type === "source.ingest.progress") {
        const before = this.of[id];
        this._progress(id, told);
        return Boolean(before && (before.status === "retrying" || (before.stage === told.stage && !told.done && !told.total)));
      }
      if (type === "source.ingest.requested") this.take({ ...told, status: "queued", done: 0, total: 0 });
      if (ENDS.includes(type) || type === "source.deactivated") this._end(id, told.version);
      return true;
    },
    /** What is no more as it was thought to be, when the source itself says that nothing runs. */
    settle(source) {
      if (source.status !== "processing") delete this.of[source.id];
    },
    /** The API notes how far a version is less often than the events tell it. */
    _knowsMore(row) {
      const live = this.of[row.source_id];
      return live?.version === row.version && Boolean(live.stage) && row.status === "processing" && row.done <= live.done;
    },
    _progress(id, { version, stage, done, total }) {
      if (version <= (this.ended[id] || 0)) return;
      const percent = total ? Math.min(99, Math.floor((100 * done) / total)) : null;
      this.of[id] = { ...this.of[id], source_id: id, version, status: "processing", stage, done, total, percent, error: null };
    },
    _end(id, version) {
      this.ended[id] = Math.max(version, this.ended[id] || 0);
      if ((this.of[id]?.version || 0) <= version) delete this.of[id];
    },
    _sum(source, rows) {
      const newest = new Map();
      for (const row of rows) if (row.source_id !== source.id && !newest.has(row.source_id)) newest.set(row.source_id, row);
      const running = [...newest.values()].filter((row) => RUNNING.includes(row.status)).length;
      const total = running && source.children_count <= newest.size ? newest.size : 0; // else it is not known yet
      const done = total ? total - running : 0;
      const percent = total ? Math.floor((100 * done) / total) : null;
      this.of[source.id] = { source_id: source.id, version: 0, status: "processing", stage: "children", done, total, percent };
    },
  };
}
