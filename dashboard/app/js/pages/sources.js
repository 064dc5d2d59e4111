// What bots know: the list, adding, and one source in its views. The parts are below js/pages/sources/ and pages/sources/.

import { all } from "../api.js";
import { loader } from "../components/loading.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { actions } from "./sources/actions.js";
import { add } from "./sources/add.js";
import { children } from "./sources/children.js";
import { crawl } from "./sources/crawl.js";
import { detail } from "./sources/detail.js";
import { files } from "./sources/files.js";
import { ingestions } from "./sources/ingestions.js";
import { list } from "./sources/list.js";
import { dropped } from "./sources/picked.js";
import { runs } from "./sources/runs.js";
import { settings } from "./sources/settings.js";
import { text } from "./sources/text.js";
import { urls } from "./sources/urls.js";
import { versions } from "./sources/versions.js";
import { words } from "./sources/words.js";

const SOON = 300;
const PAUSE = 2000;

export const components = {
  sourcesList: list,
  sourcesAdd: add,
  sourcesText: text,
  sourcesUrls: urls,
  sourcesCrawl: crawl,
  sourcesFiles: files,
  sourcesDetail: detail,
  sourcesChildren: children,
  sourcesVersions: versions,
  sourcesIngestions: ingestions,
  sourcesSettings: settings,
};

export default () => ({
  ...words,
  ...actions,
  bots: loader(() => all("/bot-profiles"), []),
  runs: runs(),
  place: { view: "list", id: null, tab: null },
  current: null,
  parent: null,
  changed: 0,
  dropped: [],
  _due: null,
  _last: 0,
  init() {
    this.follow();
    this.bots.load();
    this.$watch("$store.route.parts", () => this.follow());
    const soon = () => this.soon();
    this.$live(["source."], (type, event) => this.runs.hear(type, event) && soon(), soon);
    const meet = () => this.bots.load();
    this.$live(["bot."], meet, meet);
  },
  destroy() {
    clearTimeout(this._due);
  },
  /** Where we are; the address may be another page's already while that is being loaded. */
  follow() {
    const { page, parts } = this.$store.route;
    if (page !== "sources") return;
    const view = !parts[0] ? "list" : parts[0] === "add" ? "add" : "source";
    this.place = { view, id: view === "source" ? parts[0] : null, tab: parts[1] || null };
  },
  /** Lets the parts load again what has changed: at once, but for many events not for each. */
  soon() {
    if (this._due) return;
    const wait = Math.max(SOON, PAUSE - (Date.now() - this._last));
    this._due = setTimeout(() => {
      Object.assign(this, { _due: null, _last: Date.now() });
      this.changed += 1;
    }, wait);
  },
  heading() {
    if (this.place.view === "source") return this.current?.name || t("sources.one");
    return t(this.place.view === "add" ? "sources.add" : "sources.title");
  },
  /** Files may be dropped anywhere. */
  async drop(event) {
    if (!this.$can("manage_sources") || this.noBots()) return;
    const found = await dropped(event.dataTransfer);
    if (!found.length) return;
    this.dropped = [...this.dropped, ...found];
    if (this.place.view !== "add" || this.place.tab !== "files") go("sources/add/files");
  },
  runsOf(source) {
    const run = this.runs.of[source.id];
    return run ? [run] : [];
  },
  botName(id) {
    return this.bots.value.find((bot) => bot.id === id)?.name || "";
  },
  noBots() {
    return this.bots.state === "ready" && this.bots.value.length === 0;
  },
});
