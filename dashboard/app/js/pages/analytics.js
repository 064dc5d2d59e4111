// `#/analytics?days=30&bot=<id>`.

import Alpine from "../../vendor/alpine.esm.js";

import { all, get } from "../api.js";
import { calmly } from "../components/calmly.js";
import * as chart from "../components/chart.js";
import { loader } from "../components/loading.js";
import { money } from "../format.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { charts } from "./analytics/charts.js";
import { daysOf, failures, sum } from "./analytics/figures.js";

const RANGES = ["7", "30", "90"];
const USUAL = "30";
const COUNTED = [1500, 4000, 12000]; // milliseconds after which the statistics have what an event tells, more and more surely

chart.install(Alpine);

/** The API rounds it to cents. */
const projected = ({ projected_monthly_usd, total_cost_usd }) =>
  !projected_monthly_usd && total_cost_usd ? `< ${money(0.01)}` : money(projected_monthly_usd);

export default () => ({
  ranges: RANGES,
  figures: loader(null),
  bots: loader(() => all("/bot-profiles"), []),
  again: null,
  get days() {
    const { days } = this.$store.route.query;
    return RANGES.includes(days) ? days : USUAL;
  },
  get bot() {
    return this.$store.route.query.bot || "";
  },
  init() {
    this.figures = loader(() => this._ask());
    this.bots.load();
    this.load();
    this.$watch("days", () => this._moved());
    this.$watch("bot", () => this._moved());
    this.again = calmly(() => this.load(), COUNTED);
    this.$live(["chat.message."], this.again, () => this.load());
  },
  destroy() {
    this.again.stop();
  },
  load() {
    return this.figures.load();
  },
  choose({ days = this.days, bot = this.bot }) {
    go(`analytics?${new URLSearchParams({ days, ...(bot ? { bot } : {}) })}`);
  },
  get empty() {
    const { value } = this.figures;
    return value !== null && !value.usage.length && !value.latency.length;
  },
  charts() {
    return charts(this.figures.value.dates, this.figures.value);
  },
  /** The figures that are told before all others. */
  heads() {
    const { usage, cost, latency } = this.figures.value;
    const failed = sum(failures(latency), "count");
    const unpriced = cost.unpriced_requests;
    return [
      { key: "requests", value: this.$format.number(sum(latency, "requests")), note: failed ? t("analytics.failed", { count: failed }) : "" },
      { key: "tokens", value: this.$format.number(sum(usage, "total_tokens")), note: "" },
      { key: "cost", value: money(cost.total_cost_usd), note: unpriced ? t("analytics.unpriced", { count: unpriced }) : "" },
      { key: "month", value: projected(cost), note: t("analytics.month_note", { count: cost.active_days }) },
    ];
  },
  failures() {
    return failures(this.figures.value.latency);
  },
  priceOf(value) {
    return value === null ? t("analytics.unknown") : money(value);
  },
  costOf({ cost_usd, request_count, unpriced_requests }) {
    return unpriced_requests && unpriced_requests === request_count ? t("analytics.unknown") : money(cost_usd);
  },
  async _ask() {
    const asked = { days: this.days, bot_profile_id: this.bot };
    const [usage, cost, feedback, trend, latency] = await Promise.all([
      all("/stats/usage", asked, 10000),
      get("/stats/cost-estimate", asked),
      get("/stats/feedback", asked),
      all("/stats/feedback/trend", asked),
      all("/stats/latency", asked),
    ]);
    return { dates: daysOf(Number(asked.days)), usage, cost, feedback, trend, latency };
  },
  _moved() {
    if (this.$store.route.page === "analytics") this.load();
  },
});
