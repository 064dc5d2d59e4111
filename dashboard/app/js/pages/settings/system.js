import { get } from "../../api.js";
import { config } from "../../components/config.js";
import { loader } from "../../components/loading.js";
import { number } from "../../format.js";

/** The state of a source, as a key of our texts. */
const STATUSES = ["ready", "processing", "pending", "error"];

export const system = () => ({
  details: loader(() => get("/system/health/detailed")),
  version: "",
  looked: "",
  async init() {
    this.look();
    this.version = (await config()).version || "";
  },
  async look() {
    await this.details.load();
    this.looked = new Date().toISOString();
  },
  parts() {
    const { value } = this.details;
    if (!value) return [];
    const { postgres, qdrant, redis, disk, services } = value;
    return Object.entries({ postgres, qdrant, redis, disk, ...services }).map(([name, part]) => ({ name, ...part }));
  },
  figures() {
    const { value } = this.details;
    if (!value) return [];
    const { total_chats, total_messages, total_prompt_tokens, total_completion_tokens } = value.db_stats;
    const shown = { chunks: value.qdrant_stats.points_count, chats: total_chats, messages: total_messages };
    const tokens = { prompt_tokens: total_prompt_tokens, completion_tokens: total_completion_tokens };
    return Object.entries({ ...shown, ...tokens }).map(([name, figure]) => ({ name, figure: number(figure) }));
  },
  statuses() {
    const known = this.details.value?.db_stats.sources_by_status;
    return known ? STATUSES.filter((name) => known[name]).map((name) => ({ name, count: known[name] })) : [];
  },
  model() {
    return this.details.value?.config.default_llm_model;
  },
});
