// One answer as it is written: asked for, followed over connections that break, taken up again after a reload, stopped.

import { ApiError, post, stream } from "../api.js";
import { unique } from "../unique.js";
import { message } from "./loading.js";

const PAUSES = [500, 1000, 2000, 5000, 10000];
const REDRAW = 50;
const STILL_RUNNING = "turn_still_running"; // ends a connection and not the answer

/**
 * Writes into `item` (a message of the transcript): `content`, `sources`, and `state`, which goes from 'waiting' over 'writing'
 * to 'done', 'stopped' or 'failed'. With `chat` and `message` an answer that runs already is followed, else `question` is asked.
 * `started(chat, message)` hears of the ids as soon as there are any.
 */
export class Turn {
  constructor(item, { bot, question = null, chat = null, message: id = null, started = () => {} }) {
    Object.assign(this, { item, bot, question, chat, id, started });
    this.key = unique();
    this.last = null;
    this.text = "";
    this.drawing = null;
    this.left = new AbortController();
    this.isStopping = false;
  }

  /** Until the answer has ended or cannot be had; then `item.state` tells which. */
  async run() {
    Object.assign(this.item, { state: "waiting", error: "", content: "" });
    for (let failures = 0; ; ) {
      try {
        for await (const event of this.#events()) {
          failures = 0;
          if (this.#take(event)) return;
        }
      } catch (error) {
        if (this.left.signal.aborted) return;
        if (!mayPass(error)) return this.#fail(message(error));
      }
      if (failures === PAUSES.length) return this.#fail(message(new ApiError(0)));
      await new Promise((resolve) => setTimeout(resolve, PAUSES[failures]));
      failures += 1;
      if (this.left.signal.aborted) return;
    }
  }

  /** Asks for no more of it; what there is stays. */
  async stop() {
    this.isStopping = true;
    if (this.id) await post(`/chat/${this.chat}/messages/${this.id}/cancel`);
  }

  /** Listens no more. The answer goes on, and can be taken up again. */
  leave() {
    this.left.abort();
    clearTimeout(this.drawing);
  }

  #events() {
    const { signal } = this.left;
    if (this.id) {
      if (!this.last) this.text = "";
      const headers = this.last ? { "Last-Event-ID": this.last } : {};
      return stream("GET", `/chat/${this.chat}/messages/${this.id}/stream`, { headers, signal });
    }
    const body = { bot_profile_id: this.bot, message: this.question, chat_id: this.chat, stream: true };
    return stream("POST", "/chat", { body, signal, headers: { "Idempotency-Key": this.key }, opened: (headers) => this.#begin(headers) });
  }

  #begin(headers) {
    this.chat = headers.get("X-MiniRAG-Chat-Id");
    this.id = headers.get("X-MiniRAG-Message-Id");
    this.item.id = this.id;
    this.started(this.chat, this.id);
    if (this.isStopping) this.stop().catch((error) => this.#fail(message(error)));
  }

  /** Whether that was the end. */
  #take({ id, event, data }) {
    const told = JSON.parse(data);
    if (id) this.last = id;
    if (event === "sources") this.item.sources = told.sources;
    if (event === "delta") this.#write(told);
    if (event === "done") this.#finish(told);
    if (event === "error" && told.code !== STILL_RUNNING) this.#fail(told.detail);
    return event === "done" || (event === "error" && told.code !== STILL_RUNNING);
  }

  /** Markdown is made anew with each change, so not with each word. */
  #write({ content, replace }) {
    this.text = replace ? content : this.text + content;
    this.item.state = "writing";
    this.drawing ??= setTimeout(() => this.#draw(), REDRAW);
  }

  #draw() {
    clearTimeout(this.drawing);
    this.drawing = null;
    this.item.content = this.text;
  }

  #finish({ message: stored, usage, stopped }) {
    this.#draw();
    if (stored) {
      Object.assign(this.item, { content: stored.content, sources: stored.sources, feedback: stored.feedback, at: stored.created_at });
    }
    if (usage) Object.assign(this.item, { model: usage.model, tokens: usage.total_tokens });
    this.item.state = stopped ? "stopped" : "done";
  }

  #fail(text) {
    this.#draw();
    Object.assign(this.item, { error: text, state: "failed" });
  }
}

/** A server that is not reached or starts again, and a body that broke off: worth another try. */
const mayPass = (error) => (error instanceof ApiError ? [0, 502, 503, 504].includes(error.status) : error instanceof TypeError);
