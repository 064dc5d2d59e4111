// What can be done with a source, from the list and from its own page.

import { del, post } from "../../api.js";
import { attempt } from "../../components/attempt.js";
import { confirm } from "../../components/confirm.js";
import { t } from "../../i18n.js";

/** A site is looked through again; a group has nothing of its own, so that its children are read. */
export const readAgain = (source) =>
  source.children_count && !source.config.crawl ? post(`/sources/${source.id}/ingest-children`) : post(`/sources/${source.id}/ingest`);

export const actions = {
  async start(source) {
    if (await attempt(() => readAgain(source), t("sources.started", { name: source.name }))) this.soon();
  },
  async stop(source) {
    if (await attempt(() => post(`/sources/${source.id}/cancel`), t("sources.stopped", { name: source.name }))) this.soon();
  },
  async retryFailed(source) {
    const said = ({ enqueued }) => t("sources.retried", { count: enqueued });
    if (await attempt(() => post(`/sources/${source.id}/ingest-children`, null, { query: { only_failed: true } }), said)) this.soon();
  },
  /** Whether it is gone. */
  async remove(source) {
    const text = t(source.children_count ? "sources.delete_group_text" : "sources.delete_text", { name: source.name });
    if (!(await confirm({ title: t("sources.delete_title"), text, action: t("common.delete"), danger: true }))) return false;
    if (!(await attempt(() => del(`/sources/${source.id}`), t("sources.deleted", { name: source.name })))) return false;
    this.soon();
    return true;
  },
};
