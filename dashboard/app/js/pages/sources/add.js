// Adding a source: which kind, for which bot, how often it is read again. What is typed outlives all changes of these.

import { t } from "../../i18n.js";
import { go } from "../../router.js";
import { asForm, asValue } from "./schedule.js";
import { TYPES } from "./words.js";

const NAMES = TYPES.map(({ type }) => type);

let kept = null;

export const add = () => ({
  bot: "",
  botError: "",
  timing: asForm("none"),
  init() {
    if (kept?.user === this.$store.session.user.id) this.timing = kept.timing;
    this.choose();
    this.$watch("bots.value", () => this.choose());
    this.$watch("bot", () => (this.botError = ""));
  },
  destroy() {
    kept = { user: this.$store.session.user?.id, timing: { ...this.timing }, bot: this.bot };
  },
  /** The bot of the address, the one of before, or the only one. */
  choose() {
    const known = this.bots.value.map((bot) => bot.id);
    const wanted = [this.bot, this.$store.route.query.bot, kept?.bot, known.length === 1 ? known[0] : ""];
    this.bot = wanted.find((id) => id && known.includes(id)) || "";
  },
  type() {
    return NAMES.includes(this.place.tab) ? this.place.tab : "site";
  },
  pathOf(type) {
    return `sources/add/${type}`;
  },
  step(event, distance) {
    const next = NAMES[(NAMES.indexOf(this.type()) + distance + NAMES.length) % NAMES.length];
    go(this.pathOf(next), { replace: true });
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  },
  missingBot() {
    this.botError = this.bot ? "" : t("sources.need_bot");
    return this.bot ? {} : { bot: this.botError };
  },
  common() {
    return { bot: this.bot, schedule: asValue(this.timing) };
  },
});
