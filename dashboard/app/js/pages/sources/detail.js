// One source: what it is, how it goes, and its views.

import { get } from "../../api.js";
import { loader, message } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { language } from "../../i18n.js";
import { go } from "../../router.js";

const TABS = ["overview", "ingestions", "versions", "settings"];

export const detail = () => ({
  source: loader(() => {}),
  gone: false,
  init() {
    this.open();
    this.$watch("place.id", (id) => id && this.open());
    this.$watch("changed", () => this.load());
  },
  destroy() {
    this.gone = true;
  },
  open() {
    Object.assign(this, { parent: null, current: null });
    this.source = loader((id) => get(`/sources/${id}`));
    return this.load();
  },
  async load() {
    const { id } = this.place;
    if (!id) return;
    const isLeft = () => this.gone || this.place.id !== id;
    await this.source.load(id);
    const source = this.source.value;
    if (isLeft() || this.source.state !== "ready") return;
    this.current = source;
    document.title = `${source.name} · MiniRAG`;
    this.runs.settle(source);
    try {
      if (source.status === "processing") await this.runs.ask(source);
      if (!source.parent_id || this.parent || isLeft()) return;
      const parent = await get(`/sources/${source.parent_id}`);
      if (!isLeft()) this.parent = parent;
    } catch (error) {
      toast(message(error), "bad");
    }
  },
  tabs() {
    return TABS.filter((tab) => tab !== "settings" || this.$can("manage_sources"));
  },
  tab() {
    return this.tabs().includes(this.place.tab) ? this.place.tab : "overview";
  },
  pathOf(tab) {
    return `sources/${this.place.id}${tab === "overview" ? "" : `/${tab}`}`;
  },
  /** Arrow keys go through the tabs. */
  step(event, distance) {
    const tabs = this.tabs();
    const next = tabs[(tabs.indexOf(this.tab()) + distance + tabs.length) % tabs.length];
    go(this.pathOf(next));
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  },
  async removeThis() {
    const { parent_id } = this.source.value;
    const gone = await this.remove(this.source.value);
    if (gone && this.$store.route.page === "sources") go(parent_id ? `sources/${parent_id}` : "sources");
  },
  languageName() {
    const code = this.source.value.config.language;
    return code ? new Intl.DisplayNames([language()], { type: "language" }).of(code) : null;
  },
  skipped() {
    return this.source.value?.config.skipped || [];
  },
});
