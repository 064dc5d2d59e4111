import { all, get, request } from "../../api.js";
import { loader } from "../../components/loading.js";

/** What is left of the tightest limit that a request meets; null where nothing is limited. */
function rateOf(headers) {
  const [limit, remaining, reset] = ["Limit", "Remaining", "Reset"].map((name) => headers.get(`RateLimit-${name}`));
  return limit === null ? null : { limit: Number(limit), remaining: Number(remaining), reset: Number(reset) };
}

export const limits = () => ({
  facts: loader(null),
  init() {
    this.facts = loader(() => this.ask());
    this.facts.load();
    this.$live(["embed_key."], () => this.facts.load());
  },
  async ask() {
    const [answer, details, keys, bots] = await Promise.all([
      request("GET", "/tenants/me"),
      get("/system/health/detailed"),
      this.$can("read_embed_keys") ? all("/embed-keys") : [],
      all("/bot-profiles"),
    ]);
    const names = Object.fromEntries(bots.map(({ id, name }) => [id, name]));
    const active = keys.filter(({ is_active }) => is_active);
    return {
      rate: rateOf(answer.headers),
      minutes: details.config.jwt_expire_minutes,
      keys: active.map((key) => ({ ...key, bot: names[key.bot_profile_id] || "" })),
    };
  },
});
