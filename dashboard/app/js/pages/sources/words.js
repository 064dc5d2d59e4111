// How sources and what happens to them are called.

import * as format from "../../format.js";
import { has, t } from "../../i18n.js";
import { inWords, ZONES } from "./schedule.js";

const BADGES = {
  ready: "badge-good",
  completed: "badge-good",
  processing: "badge-busy",
  queued: "badge-busy",
  retrying: "badge-warn",
  error: "badge-bad",
  failed: "badge-bad",
};

/** What can be added. */
export const TYPES = [
  { type: "site", icon: "globe" },
  { type: "files", icon: "upload" },
  { type: "urls", icon: "link" },
  { type: "text", icon: "edit" },
];

/** Part of the page's component, so that all its parts speak the same. */
export const words = {
  types: TYPES,
  zones: ZONES,
  badge: (status) => BADGES[status] || "",
  /** text, upload, url, site (of pages), archive, or group (of anything else that has children) */
  kind(source) {
    if (source.config.crawl) return "site";
    if (/\.zip$/i.test(source.config.original_filename || "")) return "archive";
    return source.children_count > 0 ? "group" : source.source_type;
  },
  kindIcon(source) {
    return { text: "edit", url: "link", site: "globe", upload: "sources" }[this.kind(source)] || "copy";
  },
  scheduleText: inWords,
  /** What is said below a source's name in a list. */
  summary(source) {
    const said = [t(`sources.kinds.${this.kind(source)}`)];
    if (source.children_count) said.push(t("sources.children", { count: source.children_count }));
    if (source.last_refreshed_at || source.chunk_count) said.push(t("sources.passages", { count: source.chunk_count }));
    if ((source.refresh_schedule || "none") !== "none") said.push(inWords(source.refresh_schedule));
    if (source.last_refreshed_at) said.push(t("sources.refreshed", { when: format.ago(source.last_refreshed_at) }));
    const isBotSaid = this.place.view === "list" && !source.parent_id && this.bots.value.length > 1;
    if (isBotSaid) said.push(t("sources.of_bot", { name: this.botName(source.bot_profile_id) }));
    return said.join(" · ");
  },
  stageText(run) {
    if (run.status === "queued" || run.status === "retrying") return t(`sources.states.${run.status}`);
    const stage = `sources.stages.${run.stage}`;
    return has(stage) ? t(stage) : t("sources.states.processing");
  },
  countText(run) {
    if (!run.total && run.done) return t("sources.done", { done: run.done });
    if (!run.total) return run.attempt > 1 ? t("sources.attempt", { number: run.attempt }) : "";
    return `${t("sources.done_of", { done: run.done, total: run.total })} · ${format.percent(run.percent / 100)}`;
  },
  retryText(run) {
    if (!run.error) return "";
    if (!run.next_attempt_at) return run.error;
    return `${run.error} ${t("sources.next_attempt", { time: format.dateTime(run.next_attempt_at) })}`;
  },
  /** Why a version was made. */
  why: (row) => t(`sources.triggers.${row.trigger}`, { version: row.of_version ?? "" }),
  tookText: (row) => t("sources.took", { time: format.duration(new Date(row.ended_at) - new Date(row.requested_at)) }),
};
