// A whole site: first a look at what would be taken, then the source.

import { post } from "../../api.js";
import { message } from "../../components/loading.js";
import { t } from "../../i18n.js";
import { asConfig, DEFAULTS } from "./limits.js";
import { making } from "./making.js";
import { whole } from "./urls.js";

const NONE = { state: "none", error: "", found: null, of: "" };

function bodyOf({ name, url, crawl }, { bot, schedule }) {
  const config = { url: whole(url.trim()), crawl: asConfig(crawl) };
  const called = name.trim() || new URL(config.url).host;
  return { path: "/sources", body: { bot_profile_id: bot, name: called, source_type: "url", config, refresh_schedule: schedule } };
}

function beforehand({ url }) {
  if (!url.trim()) return { url: t("sources.need_url") };
  return URL.canParse(whole(url.trim())) ? {} : { url: t("sources.no_url", { url: url.trim() }) };
}

const site = () => making("site", { name: "", url: "", crawl: { ...DEFAULTS } }, bodyOf, beforehand);

export const crawl = (made = site()) => ({
  ...made,
  look: { ...NONE },
  _stop: null,
  destroy() {
    made.destroy();
    this.stopLook();
  },
  async preview() {
    const wrong = beforehand(this.form.data);
    Object.assign(this.form, { errors: wrong, error: "" });
    if (Object.keys(wrong).length) return;
    this.stopLook();
    const stop = new AbortController();
    this._stop = stop;
    const asked = { url: whole(this.form.data.url.trim()), crawl: asConfig(this.form.data.crawl) };
    this.look = { ...NONE, state: "looking" };
    try {
      const found = await post("/sources/crawl-preview", asked, { signal: stop.signal });
      if (this._stop !== stop) return;
      this.look = { state: "ready", error: "", found, of: JSON.stringify(asked) };
      this.$nextTick(() => this.$refs.found?.scrollIntoView({ block: "nearest" }));
    } catch (error) {
      if (this._stop !== stop || error.name === "AbortError") return;
      const said = message(error);
      if (error.code === "invalid_url") this._blameUrl(said);
      else this.look = { ...NONE, state: "error", error: said };
    }
  },
  _blameUrl(said) {
    this.look = { ...NONE };
    this.form.errors = { url: said };
  },
  stopLook() {
    this._stop?.abort();
    this._stop = null;
    if (this.look.state === "looking") this.look = { ...NONE };
  },
  /** Whether the form has been changed since. */
  isOld() {
    if (this.look.state !== "ready") return false;
    return this.look.of !== JSON.stringify({ url: whole(this.form.data.url.trim()), crawl: asConfig(this.form.data.crawl) });
  },
  pages() {
    return this.look.found?.pages || [];
  },
  skipped() {
    return this.look.found?.skipped || [];
  },
  reason(page) {
    return page.detail || t(`sources.reasons.${page.reason}`);
  },
  /** Leaves a page out: its path, to the end. */
  exclude(page) {
    const { pathname, search } = new URL(page.url);
    const pattern = `${pathname}${search}$`;
    const { crawl } = this.form.data;
    if (!crawl.exclude.split("\n").includes(pattern)) crawl.exclude = [crawl.exclude.trim(), pattern].filter(Boolean).join("\n");
    this.look.found.pages = this.pages().filter((other) => other.url !== page.url);
  },
});
