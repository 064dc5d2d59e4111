// What answered, and going back to it.

import { post } from "../../api.js";
import { confirm } from "../../components/confirm.js";
import { pager } from "../../components/loading.js";
import { t } from "../../i18n.js";
import { attempt } from "../../components/attempt.js";

export const versions = () => ({
  list: pager("/sources"),
  init() {
    this.open();
    this.$watch("place.id", (id) => id && this.open());
    this.$watch("changed", () => this.list.again());
  },
  open() {
    this.list = pager(`/sources/${this.place.id}/versions`);
    this.list.load();
  },
  canGoBack(row) {
    return row.kept && !row.visible && this.$can("manage_sources");
  },
  async goBack(row) {
    const { refresh_schedule, config } = this.source.value;
    const comesAgain = (refresh_schedule || "none") !== "none" || this.parent?.config.crawl || config.crawl;
    const text = [t("sources.rollback_text", { version: row.version }), comesAgain ? t("sources.rollback_schedule") : ""].join(" ").trim();
    const sure = { title: t("sources.rollback_title", { version: row.version }), text, action: t("sources.rollback") };
    if (!(await confirm(sure))) return;
    const said = ({ version }) => t("sources.rolling_back", { version });
    if (await attempt(() => post(`/sources/${this.place.id}/rollback`, { version: row.version }), said)) this.soon();
  },
});
