import { all, get, page } from "../api.js";
import { copy } from "../components/clipboard.js";
import { eventDetail } from "../components/event-detail.js";
import { moodOf } from "../components/happened.js";
import { loader } from "../components/loading.js";
import { learn, loadNames } from "../components/names.js";
import { calmly } from "../components/calmly.js";
import { date, money, number } from "../format.js";
import { loadTexts, t } from "../i18n.js";
import { keep, recall } from "../storage.js";
import { stepsOf } from "./overview/steps.js";

await loadTexts("parts");

/** What counts for the figures and the first steps. */
const CHANGES = ["bot.", "source.created", "source.deactivated", "source.ingest.completed", "chat.started", "chat.message.completed", "embed_key."];
const NEWS = 6;
const COUNTED = [1500, 4000, 12000]; // milliseconds after which the statistics have counted what has happened, more and more surely

/** What is news: acts and outcomes, without the steps in between. */
const NEWSWORTHY = [
  ...["bot.", "user.", "token.", "embed_key.", "tenant.", "source.created", "source.deactivated", "source.ingest.completed", "source.ingest.failed"],
  ...["chat.started", "chat.message.failed", "chat.feedback.given", "webhook.created", "webhook.deleted", "webhook.delivery.failed"],
];
const LISTED = 5;

export default () => ({
  ...eventDetail(),
  things: loader(null),
  figures: loader(null),
  health: loader(() => get("/system/health")),
  told: [],
  earlier: loader(null, []),
  again: null,
  dismissed: false,
  init() {
    this.dismissed = recall(this.stepsKey()) === "dismissed";
    this.things = loader(() => this.loadThings());
    this.figures = loader(() => this.loadFigures());
    this.health.load();
    this.load();
    if (!this.$can("read_events")) return;
    this.again = calmly(() => this.load(), COUNTED);
    this.$live(CHANGES, this.again, () => this.load());
    loadNames();
    this.earlier = loader(() => this.loadEarlier(), []);
    this.earlier.load(); // without it the card begins empty, and fills by itself
    this.$live(
      NEWSWORTHY,
      (_, event) => this.tell(event),
      () => this.earlier.load(),
    );
  },
  destroy() {
    this.again?.stop();
  },
  load() {
    return Promise.all([this.things.load(), this.$can("read_stats") && this.figures.load()]);
  },
  async loadThings() {
    const may = (permission, ask) => (this.$can(permission) ? ask() : []);
    const [bots, sources, chats, keys] = await Promise.all([
      may("read_bots", () => all("/bot-profiles")),
      may("read_sources", () => all("/sources")),
      may("read_chats", async () => (await page("/chat", { limit: LISTED })).rows),
      may("read_embed_keys", () => all("/embed-keys")),
    ]);
    return { bots: bots.filter(({ is_active }) => is_active), sources, chats, keys };
  },
  async loadFigures() {
    const [counts, cost] = await Promise.all([get("/stats/overview"), get("/stats/cost-estimate", { days: 30 })]);
    return { counts, cost };
  },
  async loadEarlier() {
    if (!this.$can("read_audit")) return [];
    const types = NEWSWORTHY.map((type) => (type.endsWith(".") ? `${type}>` : type)).join(",");
    return (await page("/audit", { limit: NEWS, types })).rows;
  },
  tell(event) {
    learn(event);
    this.told = [event, ...this.told.filter(({ id }) => id !== event.id)].slice(0, NEWS);
  },
  /** What was told, and of what was before as much as there is room for. */
  get news() {
    const told = new Set(this.told.map(({ id }) => id));
    return [...this.told, ...this.earlier.value.filter(({ id }) => !told.has(id))].slice(0, NEWS);
  },

  copyToken() {
    return copy(this.$store.session.firstToken);
  },
  dropToken() {
    this.$store.session.firstToken = null;
  },

  stepsKey() {
    return `steps.${this.$store.session.tenant.id}`;
  },
  dismiss() {
    this.dismissed = true;
    keep(this.stepsKey(), "dismissed");
  },
  hasSteps() {
    return this.$can("manage_bots") && !this.dismissed && this.things.value !== null;
  },
  steps() {
    return this.things.value ? stepsOf(this.things.value) : [];
  },
  doneCount() {
    return this.steps().filter(({ done }) => done).length;
  },

  tiles() {
    const { value } = this.figures;
    if (!value) return [];
    const { counts, cost } = value;
    const ready = this.things.value?.sources.filter(({ status }) => status === "ready").length;
    const active = this.things.value?.bots.length;
    return [
      { name: "bots", href: "#/bots", figure: number(counts.bot_profiles), note: active === undefined ? "" : t("overview.active", { count: active }) },
      { name: "sources", href: "#/sources", figure: number(counts.sources), note: ready === undefined ? "" : t("overview.ready", { count: ready }) },
      { name: "chats", href: "#/chats", figure: number(counts.chats), note: t("overview.tokens", { count: counts.total_tokens }) },
      { name: "cost", href: "#/analytics", figure: money(cost.total_cost_usd), note: t("overview.projected", { sum: money(cost.projected_monthly_usd) }) },
    ];
  },

  ill() {
    const { postgres, qdrant, redis, disk, services } = this.health.value || { services: {} };
    return Object.entries({ postgres, qdrant, redis, disk, ...services })
      .filter(([, part]) => part?.status === "error")
      .map(([name, part]) => ({ name, detail: part.detail || "" }));
  },
  tryHref() {
    const bot = this.things.value?.bots[0];
    return bot ? `#/bots/${bot.id}/try` : "#/bots";
  },
  embedHref() {
    const bot = this.things.value?.bots[0];
    return bot ? `#/bots/${bot.id}/embed` : "#/bots";
  },
  badNews(event) {
    return moodOf(event) === "bad";
  },
  today() {
    return date(new Date());
  },
});
