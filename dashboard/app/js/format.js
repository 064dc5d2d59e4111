// Figures, dates and sizes as people of a language write them.

import { language } from "./i18n.js";

const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export const number = (value, options) => (value === null || value === undefined ? "–" : new Intl.NumberFormat(language(), options).format(value));

export const percent = (part) => number(part, { style: "percent", maximumFractionDigits: 0 });

/** US dollars; sums below a cent keep two figures that say something. */
export const money = (value) =>
  number(value === null || value === undefined ? value : Number(value), {
    style: "currency",
    currency: "USD",
    ...(Math.abs(value) > 0 && Math.abs(value) < 0.01 ? { maximumSignificantDigits: 2 } : {}),
  });

export const date = (value) => (value ? new Intl.DateTimeFormat(language(), { dateStyle: "medium" }).format(new Date(value)) : "–");

/** A day of the statistics, which count in UTC. */
export const day = (value) => new Intl.DateTimeFormat(language(), { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(value));

export const dateTime = (value) =>
  value ? new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(value)) : "–";

export const time = (value) => (value ? new Intl.DateTimeFormat(language(), { timeStyle: "medium" }).format(new Date(value)) : "–");

/** «3 minutes ago», «in 2 hours». */
export function ago(value, now = Date.now()) {
  if (!value) return "–";
  const seconds = (new Date(value).getTime() - now) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS.at(-1);
  return new Intl.RelativeTimeFormat(language(), { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const power = value < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(value) / 3));
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][power];
  return number(value / 1000 ** power, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: power ? 1 : 0 });
}

/** Milliseconds, as seconds where they are many. */
export const duration = (ms) =>
  ms === null || ms === undefined
    ? "–"
    : ms < 1000
      ? number(Math.round(ms), { style: "unit", unit: "millisecond" })
      : number(ms / 1000, { style: "unit", unit: "second", maximumFractionDigits: 1 });
