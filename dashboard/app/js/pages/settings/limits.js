import { all, get } from "../../api.js";
import { loader } from "../../components/loading.js";
import { t } from "../../i18n.js";

export const limits = () => ({
  facts: loader(null),
  init() {
    this.facts = loader(() => this.ask());
    this.facts.load();
    const again = () => this.facts.load();
    this.$live(["embed_key."], again, again);
  },
  async ask() {
    const [inForce, details, keys, bots] = await Promise.all([
      get("/limits"),
      get("/system/health/detailed"),
      this.$can("read_embed_keys") ? all("/embed-keys") : [],
      all("/bot-profiles"),
    ]);
    const names = Object.fromEntries(bots.map(({ id, name }) => [id, name]));
    const active = keys.filter(({ is_active }) => is_active);
    return {
      inForce,
      minutes: details.config.jwt_expire_minutes,
      keys: active.map((key) => ({ ...key, bot: names[key.bot_profile_id] || "" })),
    };
  },
  nameOf(limit) {
    return t(`settings.limits.names.${limit.name}`);
  },
  /** «40 of 600 a minute», «no limit», «not known now». */
  amountOf({ name, limit, used, window_seconds }) {
    if (limit === null) return t("settings.limits.unknown");
    if (limit === 0) return t("settings.limits.unlimited");
    const shown = (value) => (name === "upload-bytes" ? this.$format.bytes(value) : this.$format.number(value));
    const amount = used === null ? shown(limit) : t("settings.limits.of", { used: shown(used), limit: shown(limit) });
    return window_seconds === null ? amount : t("settings.limits.window", { amount, time: this.$format.duration(window_seconds * 1000) });
  },
  isCounted: ({ limit, used }) => Boolean(limit) && used !== null,
});
