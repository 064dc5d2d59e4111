// What a source is called, where its text comes from, how it is cut, and when it is read again.

import { patch } from "../../api.js";
import { form } from "../../components/form.js";
import { message } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";
import { readAgain } from "./actions.js";
import { asConfig, asForm as limitsOf } from "./limits.js";
import { asForm, asValue } from "./schedule.js";

const LANGUAGES = "en de fr es it nl pt pl da sv no fi cs hu ro ru uk el tr ar he hi ja ko zh".split(" ");
const CUT = ["chunk_size", "chunk_overlap", "language"];

const EMPTY = {
  ...{ name: "", description: "", content: "", url: "" },
  ...{ chunk_size: "", chunk_overlap: "", language: "", crawl: limitsOf({}) },
  refresh_schedule: null, // what is wrong with that is shown at the schedule
};

/** A configuration as text, whatever the order of its names. */
const canonical = (config) => JSON.stringify(Object.entries(config).sort());

export const settings = () => ({
  form: form(EMPTY, async () => {}),
  timing: asForm("none"),
  again: true,
  init() {
    this.form = form(EMPTY, (data) => this.save(data));
    this.fill();
    this.$watch("place.id", () => this.fill());
  },
  fill() {
    const { name, description, config, refresh_schedule } = this.source.value;
    const cut = Object.fromEntries(CUT.map((field) => [field, config[field] ?? ""]));
    this.form.reset({ name, description, url: config.url || "", ...cut, crawl: limitsOf(config.crawl) });
    this.timing = asForm(refresh_schedule);
  },
  /** Fields of the configuration that are not of this form stay as they are. */
  configOf(data) {
    const { config } = this.source.value;
    const next = { ...config };
    if (config.url) next.url = data.url.trim();
    if (config.crawl) next.crawl = asConfig(data.crawl);
    for (const field of CUT) {
      if (data[field] === "" || data[field] === null) delete next[field];
      else next[field] = data[field];
    }
    return next;
  },
  /** What differs from the source as it was loaded. */
  changesOf(data) {
    const before = this.source.value;
    const changes = {};
    if (data.name.trim() !== before.name) changes.name = data.name.trim();
    if (data.description !== before.description) changes.description = data.description;
    if (asValue(this.timing) !== (before.refresh_schedule || "none")) changes.refresh_schedule = asValue(this.timing);
    const config = this.configOf(data);
    if (canonical(config) !== canonical(before.config)) changes.config = config;
    if (data.content) changes.content = data.content;
    return changes;
  },
  async save(data) {
    const changes = this.changesOf(data);
    if (!Object.keys(changes).length) return toast(t("sources.nothing_changed"));
    const saved = await patch(`/sources/${this.place.id}`, changes);
    this.source.value = saved;
    this.fill();
    await this.saved(saved, this.again && Boolean(changes.config || changes.content));
  },
  async saved(source, isRead) {
    try {
      if (isRead) await readAgain(source);
      toast(t(isRead ? "sources.saved_reading" : "common.saved"));
    } catch (error) {
      toast(`${t("sources.saved_unread")} ${message(error)}`, "bad");
    }
    this.soon();
  },
  languages() {
    const own = this.form.data.language;
    const names = new Intl.DisplayNames([this.$store.i18n.language], { type: "language" });
    const codes = own && !LANGUAGES.includes(own) ? [own, ...LANGUAGES] : LANGUAGES;
    return codes.map((code) => ({ code, name: names.of(code) })).sort((a, b) => a.name.localeCompare(b.name));
  },
});
