// The four charts: what each draws, says to those who do not see it, and has in its table.

import { day, duration, money, number } from "../../format.js";
import { t } from "../../i18n.js";
import { byDay, eachDay, sum } from "./figures.js";

/** `{key, title, label, config, heads, rows}` of each; `config` is what `x-chart` draws. */
export function charts(days, { usage, cost, trend, latency }) {
  return [tokens(days, usage), costs(days, usage, cost), feedback(days, trend), waiting(days, latency)];
}

function tokens(days, usage) {
  const rows = byDay(days, usage, ["prompt_tokens", "completion_tokens"]);
  const series = [one("prompt", rows, "prompt_tokens", "indigo"), one("completion", rows, "completion_tokens", "sky")];
  const total = sum(rows, "prompt_tokens") + sum(rows, "completion_tokens");
  return chart("tokens", rows, { type: "bar", stacked: true, whole: true, series, shown: number }, { total });
}

function costs(days, usage, { total_cost_usd }) {
  const rows = byDay(days, usage, ["cost_usd"]);
  return chart("cost", rows, { type: "bar", series: [one("cost", rows, "cost_usd", "indigo")], shown: money }, { total: money(total_cost_usd) });
}

function feedback(days, trend) {
  const rows = byDay(days, trend, ["positive_count", "negative_count"]);
  const series = [one("positive", rows, "positive_count", "good"), one("negative", rows, "negative_count", "bad")];
  const values = { good: sum(rows, "positive_count"), bad: sum(rows, "negative_count") };
  return chart("feedback", rows, { type: "bar", stacked: true, whole: true, series, shown: number }, values);
}

function waiting(days, latency) {
  const rows = eachDay(days, latency);
  const series = [
    one("p50", rows, "p50_first_token_ms", "indigo"),
    one("p95", rows, "p95_first_token_ms", "amber"),
    { ...one("whole", rows, "avg_duration_ms", "teal"), dashed: true },
  ];
  return chart("latency", rows, { type: "line", series, shown: duration }, {});
}

function one(name, rows, field, color) {
  return { label: t(`analytics.series.${name}`), color, values: rows.map((row) => row[field] ?? null) };
}

function chart(key, rows, config, values) {
  const { series, shown } = config;
  const labels = rows.map(({ date }) => day(date));
  return {
    key,
    title: t(`analytics.charts.${key}`),
    label: t(`analytics.said.${key}`, { ...values, days: rows.length }),
    config: { ...config, labels },
    heads: [t("analytics.day"), ...series.map(({ label }) => label)],
    // The newest first, and no rows of days without anything.
    rows: labels
      .map((label, index) => [label, ...series.map(({ values }) => values[index])])
      .filter(([, ...cells]) => cells.some(Boolean))
      .reverse()
      .map(([label, ...cells]) => [label, ...cells.map(shown)]),
  };
}
