// `#/bots/<id>/try/<chat>/<message>`: talking with a bot. The address names the conversation and the answer that is being
// written, so that a reload takes both up again.

import { all, get } from "../../api.js";
import { loader, message } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { item, items, transcript } from "../../components/transcript.js";
import { Turn } from "../../components/turn.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";

const NEAR = 80; // pixels

// What nobody shows, and so is no data of the component: the turn that is followed, and whether the newest is in sight.
let current = null;
let atEnd = true;

export const botTry = () => ({
  ...transcript(),
  bot: loader((id) => get(`/bot-profiles/${id}`)),
  past: loader((chat) => all(`/chat/${chat}/messages`)),
  of: null, // the bot, as the address names it
  gone: false,
  text: "",
  running: false,
  stopping: false,
  news: "",
  init() {
    this.open();
    this.$watch("$store.route.parts", (parts) => {
      if (parts[1] === "try" && (parts[0] !== this.of || (parts[2] || null) !== this.chat)) this.open();
    });
  },
  destroy() {
    this.gone = true;
    current?.leave();
    current = null;
  },
  /** What the address names. */
  async open() {
    const [id, , chat = null, running = null] = this.$store.route.parts;
    const isMet = this.of === id && this.bot.state === "ready";
    this.forget();
    Object.assign(this, { of: id, chat });
    if (chat) this.past.state = "loading";
    await Promise.all([isMet ? null : this.meet(id), chat ? this.recall(chat, running) : null]);
  },
  async meet(id) {
    await this.bot.load(id);
    if (this.gone || this.of !== id) return;
    if (this.bot.state === "ready") document.title = `${this.bot.value.name} · MiniRAG`;
    this.focus();
  },
  async recall(chat, running) {
    await this.past.load(chat);
    if (this.gone || this.chat !== chat || this.past.state !== "ready") return;
    this.messages = items(this.past.value);
    const isThere = this.messages.some(({ id }) => id === running);
    if (running && !isThere) this.follow(this.add({ id: running, state: "waiting" }), { message: running });
    else if (running) go(this.place(), { replace: true });
    this.toEnd();
  },
  fresh() {
    this.forget();
    go(`bots/${this.of}/try`);
    this.focus();
  },
  forget() {
    current?.leave();
    current = null;
    Object.assign(this, { chat: null, messages: [], running: false, stopping: false, news: "" });
    this.past.state = "ready";
  },
  place() {
    return ["bots", this.of, "try", this.chat].filter(Boolean).join("/");
  },
  // Asking.
  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  },
  send() {
    const question = this.text.trim();
    if (!question || this.running || this.past.state === "loading") return;
    this.text = "";
    this.ask(question);
  },
  ask(question) {
    if (this.running) return;
    this.add({ role: "user", content: question });
    this.follow(this.add({ state: "waiting" }), { question });
    this.focus();
  },
  /** What failed is asked once more, as a new question. */
  again(failed) {
    const question = this.messages[this.messages.indexOf(failed) - 1].content;
    this.messages = this.messages.filter((one) => one !== failed).slice(0, -1);
    this.ask(question);
  },
  async follow(answer, { question = null, message: id = null }) {
    const started = (chat, message) => {
      this.chat = chat;
      go(`${this.place()}/${message}`, { replace: true });
    };
    const turn = new Turn(answer, { bot: this.of, chat: this.chat, message: id, question, started });
    const began = Date.now();
    current = turn;
    Object.assign(this, { running: true, stopping: false, news: t("transcript.waiting") });
    this.toEnd();
    await turn.run();
    if (current !== turn) return;
    current = null;
    if (question && answer.state === "done") answer.ms = Date.now() - began;
    answer.again = answer.state === "failed" && Boolean(question);
    Object.assign(this, { running: false, stopping: false, news: answer.error || answer.content });
    if (this.chat) go(this.place(), { replace: true });
  },
  async stop() {
    this.stopping = true;
    try {
      await current?.stop();
    } catch (error) {
      this.stopping = false;
      toast(message(error), "bad");
    }
  },
  // Showing.
  add(fields) {
    this.messages.push(item(fields));
    return this.messages.at(-1); // as the page sees it: what is written into it shows
  },
  isEmpty() {
    return this.bot.state === "ready" && this.past.state === "ready" && this.messages.length === 0;
  },
  focus() {
    this.$nextTick(() => document.getElementById("question")?.focus({ preventScroll: true }));
  },
  toEnd() {
    atEnd = true;
    this.$nextTick(() => this.$refs.log?.scrollTo(0, this.$refs.log.scrollHeight));
  },
  /** Goes along with what is written, unless somebody reads further up or looks at sources. */
  stick(log) {
    const grown = new ResizeObserver(() => atEnd && log.scrollTo(0, log.scrollHeight));
    for (const child of log.children) grown.observe(child);
    log.addEventListener("scroll", () => (atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR));
    log.addEventListener("click", (event) => event.target.closest("summary") && (atEnd = false), true);
  },
});
