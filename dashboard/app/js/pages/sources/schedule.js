// When a source is read again by itself: as the API writes it, as a form has it, and as people say it.

import { t } from "../../i18n.js";

export const KINDS = ["none", "hourly", "daily", "weekly", "cron"];

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export const ZONES = [...new Set([HERE, "UTC", ...Intl.supportedValuesOf("timeZone")])];

/** What a form begins with; the cron expression stays there when another kind is chosen. */
export function asForm(value) {
  const form = { kind: "none", cron: "0 6 * * 1-5", zone: HERE };
  if (!value || KINDS.includes(value)) return { ...form, kind: value || "none" };
  const parts = value.split(" ");
  return { kind: "cron", cron: parts.slice(0, 5).join(" "), zone: parts[5] || "UTC" };
}

export function asValue({ kind, cron, zone }) {
  return kind === "cron" ? `${cron.trim().split(/\s+/).join(" ")} ${zone}` : kind;
}

export function inWords(value) {
  const { kind, cron, zone } = asForm(value);
  return t(`sources.schedule.${kind}`) + (kind === "cron" ? `: ${cron} (${zone})` : "");
}
