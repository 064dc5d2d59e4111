import { all, del, patch } from "../api.js";
import { attempt } from "../components/attempt.js";
import { confirm } from "../components/confirm.js";
import { message, pager } from "../components/loading.js";
import { t } from "../i18n.js";
import { botEditor } from "./bots/editor.js";
import { botEmbed } from "./bots/embed.js";
import { botTry } from "./bots/try.js";

export const components = { botEditor, botEmbed, botTry };

const COUNTED = 2000;

export default () => ({
  list: pager("/bot-profiles"),
  counts: null,
  init() {
    const first = this.list.load().then(() => this.show());
    this.count();
    this.$watch("$store.route.parts", () => this.show());
    const again = () => this.list.again();
    this.$live(["bot."], again, () => first.then(again));
    const count = () => this.count();
    this.$live(["source.created", "source.deactivated", "source.activated"], count, count);
  },
  isTrying() {
    return this.$store.route.parts[1] === "try";
  },
  /** `#/bots/<id>` leads to a bot among the others. */
  isNamed(bot) {
    const { parts } = this.$store.route;
    return parts.length === 1 && parts[0] === bot.id;
  },
  show() {
    const named = this.list.rows.find((bot) => this.isNamed(bot));
    if (named) this.$nextTick(() => document.getElementById(`bot-${named.id}`)?.focus());
  },
  /** How many sources each bot has. It is a help and no more, so that nothing is said where it cannot be had. */
  async count() {
    try {
      const sources = await all("/sources", {}, COUNTED);
      const counts = {};
      for (const source of sources) if (source.is_active) counts[source.bot_profile_id] = (counts[source.bot_profile_id] || 0) + 1;
      this.counts = sources.length < COUNTED ? counts : null;
    } catch (error) {
      this.counts = null;
      message(error);
    }
  },
  sourcesOf(bot) {
    return this.counts ? t("bots.sources", { count: this.counts[bot.id] || 0 }) : t("bots.its_sources");
  },
  hasNone(bot) {
    return this.counts !== null && !this.counts[bot.id] && bot.is_active;
  },
  async deactivate(bot) {
    const sure = { title: t("bots.deactivate_title"), text: t("bots.deactivate_text", { name: bot.name }), action: t("bots.deactivate"), danger: true };
    if (await confirm(sure)) await this.change(() => del(`/bot-profiles/${bot.id}`), t("bots.deactivated"));
  },
  reactivate(bot) {
    return this.change(() => patch(`/bot-profiles/${bot.id}`, { is_active: true }), t("bots.reactivated"));
  },
  async change(act, done) {
    if (await attempt(act, done)) await this.list.again();
  },
});
