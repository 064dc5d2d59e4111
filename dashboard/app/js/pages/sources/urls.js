// Pages by their addresses: one becomes a source, several become a group.

import { t } from "../../i18n.js";
import { making } from "./making.js";

const lines = (text) => [...new Set(text.split(/\s+/).filter(Boolean))];

/** People leave the scheme out. */
export const whole = (url) => (/^[a-z][a-z0-9+.-]*:/i.test(url) && !/^[^/:]+:\d+(\/|$)/.test(url) ? url : `https://${url}`);

/** «example.com/help», or the text itself where it is no address. */
export function shortOf(url) {
  try {
    const { host, pathname } = new URL(whole(url));
    return (host + pathname.replace(/\/$/, "")).slice(0, 255);
  } catch {
    return url.slice(0, 255);
  }
}

function bodyOf({ name, urls }, { bot, schedule }) {
  const found = lines(urls).map(whole);
  const common = { bot_profile_id: bot, name: name.trim() || (found.length > 1 ? new URL(found[0]).host : shortOf(found[0])) };
  if (found.length === 1) {
    return { path: "/sources", body: { ...common, source_type: "url", config: { url: found[0] }, refresh_schedule: schedule } };
  }
  const children = found.map((url) => ({ name: shortOf(url), source_type: "url", config: { url }, refresh_schedule: schedule }));
  return { path: "/sources/batch", body: { ...common, source_type: "url", children } };
}

function beforehand({ urls }) {
  const found = lines(urls);
  const wrong = found.find((url) => !URL.canParse(whole(url)));
  if (!found.length) return { urls: t("sources.need_url") };
  return wrong ? { urls: t("sources.no_url", { url: wrong }) } : {};
}

export const urls = () => ({
  ...making("urls", { name: "", urls: "" }, bodyOf, beforehand),
  count() {
    return lines(this.form.data.urls).length;
  },
});
