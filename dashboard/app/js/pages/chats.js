import { all, download, get } from "../api.js";
import { message, pager } from "../components/loading.js";
import { toast } from "../components/toasts.js";
import { go } from "../router.js";
import { chatView } from "./chats/view.js";

export const components = { chatView };

const FILTERS = ["search", "bot", "from", "to"];
const TYPING = 300;
const MOST = 1000; // what the API exports at once
const FEW = 20;
const LOOKED_THROUGH = 20; // pages, before somebody is asked whether to go on

/** The filters are in the address, so that a reload and a conversation's way back keep them. */
export default () => ({
  list: pager("/chat", 100),
  bots: [],
  filter: { search: "", bot: "", from: "", to: "" },
  asked: {},
  isStale: false,
  typing: null,
  place: 0,
  init() {
    this.adopt(this.$store.route.query);
    this.load();
    this.meet();
    this.$watch("$store.route.query", (query) => this.follow(query));
    this.$watch("$store.route.parts", (parts, before) => this.keepPlace(parts[0], before[0]));
    const missed = () => this.list.again().then(() => this.further());
    this.$live(["chat.started"], () => this.renew(), missed);
  },
  destroy() {
    clearTimeout(this.typing);
  },
  isList() {
    return this.$store.route.parts.length === 0;
  },
  async meet() {
    try {
      this.bots = await all("/bot-profiles");
    } catch (error) {
      toast(message(error), "bad");
    }
  },
  botName(id) {
    return this.bots.find((bot) => bot.id === id)?.name || "";
  },
  // Filters.
  adopt(query) {
    for (const name of FILTERS) this.filter[name] = query[name] || "";
  },
  query() {
    return { search: this.filter.search.trim(), bot_profile_id: this.filter.bot };
  },
  isFiltered() {
    return FILTERS.some((name) => this.filter[name]);
  },
  type() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.apply(), TYPING);
  },
  apply() {
    clearTimeout(this.typing);
    go(this.address(), { replace: true });
  },
  clear() {
    this.adopt({});
    this.apply();
  },
  address(id = null) {
    const told = new URLSearchParams(FILTERS.filter((name) => this.filter[name]).map((name) => [name, this.filter[name]]));
    return ["chats", id].filter(Boolean).join("/") + (told.size ? `?${told}` : "");
  },
  follow(query) {
    if (this.$store.route.page !== "chats" || FILTERS.every((name) => this.asked[name] === (query[name] || ""))) return;
    this.adopt(query);
    this.load();
  },
  async load() {
    this.asked = { ...this.filter };
    this.isStale = false;
    await this.list.load(this.query());
    await this.further();
  },
  // The API lists by bot and by words, and a page of what it searched may be empty. Days are looked for here: newest first,
  // so that the first row before them is the end.
  shown() {
    const { from, to } = this.asked;
    return this.list.rows.filter(({ created_at: at }) => (!from || at.slice(0, 10) >= from) && (!to || at.slice(0, 10) <= to));
  },
  isEmpty() {
    return this.list.state === "ready" && this.shown().length === 0 && !this.hasMore();
  },
  hasMore() {
    const last = this.list.rows.at(-1);
    return this.list.more && !(last && this.asked.from && last.created_at.slice(0, 10) < this.asked.from);
  },
  /** A few rows more, where there are any. */
  async further(more = false) {
    const { asked } = this;
    const enough = more ? this.shown().length + FEW : 1;
    const mayGoOn = () => this.asked === asked && this.list.state === "ready" && this.hasMore() && this.shown().length < enough;
    for (let pages = 0; pages < LOOKED_THROUGH && mayGoOn(); pages += 1) await this.list.next();
  },
  /** Somebody began a conversation: a list that is read further down is not taken away. */
  renew() {
    if (this.isList() && scrollY < 200) this.load();
    else this.isStale = true;
  },
  scrolled() {
    if (this.isList()) this.place = scrollY;
  },
  keepPlace(now, before) {
    if (now || !before) return;
    const { place } = this; // before the list's coming back scrolls
    this.$nextTick(() => {
      document.getElementById(`chat-${before}`)?.focus({ preventScroll: true });
      scrollTo(0, place);
    });
  },
  /** The file comes by a link, which tells no errors: whether the login still counts is seen before. */
  async exportAs(format, id = null) {
    const { bot, from, to } = this.filter;
    try {
      await get("/auth/browser");
      if (id) download(`/chat/${id}/export`, { format });
      else download("/chat/export", { format, bot_profile_id: bot, from_date: from, to_date: to, limit: MOST });
    } catch (error) {
      toast(message(error), "bad");
    }
  },
});
