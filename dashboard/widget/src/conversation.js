// The conversation of one visitor: what was said, what is being said, and how that survives a reload.

import { Problem, left } from './problem.js';
import { follow, turnOf } from './turn.js';

/** One message. `state`: 'done', 'running', 'stopped' or 'failed'; `error` a Problem. */
const itemOf = (role, text, fields = {}) => ({ role, text, id: null, sources: [], feedback: null, state: 'done', error: null, ...fields });

/** Keeps the messages and tells `watch` of changes: `(what, item)` with what one of 'reset', 'added', 'changed', 'lost'. */
export class Conversation {
  constructor(api, watch) {
    this.api = api;
    this.watch = watch;
    this.items = [];
    this.chat = undefined; // null for a new one; the store only tells the next page, and other tabs write there too
    this.running = null;
    this.loaded = null;
    this.kept = null;
    this.ready = false;
    this.anew = false;
    this.gone = false;
    api.changed = () => this.dropped();
  }

  get store() {
    return this.api.store;
  }

  /** The bot, and what was said before; done once, and again after a failure. */
  load() {
    this.loaded ||= this.restore().catch((problem) => {
      this.loaded = null;
      throw this.gone ? left() : problem;
    });
    return this.loaded;
  }

  async restore() {
    await this.api.face();
    const kept = this.store.read(); // of one moment: other tabs write there too
    const chat = await this.chatOf(kept);
    const items = chat ? await this.history(chat) : [];
    if (this.gone) throw left();
    this.ready = true;
    if (this.anew) { // meanwhile somebody wanted a new one, or the session became another visitor's
      this.store.write({ pending: undefined });
      this.begin();
      return;
    }
    this.items = items || [];
    this.chat = items ? chat : undefined;
    this.watch('reset');
    if (items && kept.pending) this.take_up(kept.pending);
  }

  /** The conversation to go on with. Whom the site vouches for has theirs on every device. */
  async chatOf({ chat }) {
    if (chat !== undefined || !this.api.identified) return chat;
    const [last] = await this.api.json('GET', `/chat?limit=1&bot_profile_id=${this.api.bot.id}`);
    this.store.write({ chat: last?.id });
    return last?.id;
  }

  /** What was said there; null where there is no such conversation. */
  async history(chat) {
    try {
      const messages = await this.api.json('GET', `/chat/${chat}/messages`);
      return messages
        .filter(({ role, content }) => role === 'user' || (role === 'assistant' && content))
        .map(({ role, content, id, sources, feedback }) => itemOf(role, content, { id, sources, feedback }));
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.store.write({ chat: undefined, pending: undefined }); // deleted, or another visitor's
      return null;
    }
  }

  /** Goes on with a question that a reload has interrupted. */
  take_up({ key, text, chat, id }) {
    if (this.items.some((item) => item.id === id && id)) {
      this.kept = key;
      this.settle();
      return;
    }
    const last = this.items.at(-1);
    if (!last || last.role !== 'user' || last.text !== text) this.add(itemOf('user', text));
    this.answer({ ...turnOf(text, chat, key), id: id || null });
  }

  add(item) {
    this.items.push(item);
    this.watch('added', item);
    return item;
  }

  /** Asks; resolves to the answer's item when it has ended, however. Refuses while another answer is being written. */
  send(text) {
    if (this.gone) throw left();
    if (this.running) throw new Error('An answer is being written');
    this.add(itemOf('user', text));
    return this.answer(turnOf(text, this.chat || undefined));
  }

  /** Follows a turn and shows it as an item. */
  async answer(turn, item = this.add(itemOf('assistant', '', { state: 'running' }))) {
    const running = { turn, item, end: new AbortController(), stopping: false };
    this.running = running;
    item.id = turn.id;
    this.keep(turn);
    try {
      await follow(this.api, turn, (what) => this.notice(running, what), running.end.signal);
      running.end.signal.throwIfAborted();
      this.finish(running, { state: turn.stopped ? 'stopped' : 'done' });
    } catch (failure) {
      if (running.end.signal.aborted) return Object.assign(item, { state: 'failed', error: left(), turn });
      this.finish(running, { state: 'failed', error: failure instanceof Problem ? failure : new Problem(0, 'failed', String(failure)) });
    }
    return item;
  }

  /** Has the next page go on with it. */
  keep({ key, text, chat, id }) {
    this.kept = key;
    this.store.write({ chat: chat || this.chat, pending: { key, text, chat, id } });
  }

  /** Has it not; another tab's may be kept by now. */
  settle() {
    if (this.store.read().pending?.key === this.kept) this.store.write({ pending: undefined });
  }

  notice(running, what) {
    const { turn, item } = running;
    if (what === 'lost') return this.watch('lost', item);
    if (what === 'begun') {
      item.id = turn.id;
      this.chat = turn.chat;
      this.keep(turn);
      if (running.stopping) this.stop();
    }
    item.text = turn.answer;
    item.sources = turn.sources;
    return this.watch('changed', item);
  }

  finish(running, fields) {
    Object.assign(running.item, fields);
    running.item.turn = running.turn;
    this.running = null;
    if (!fields.error?.passing) this.settle(); // the next page goes on with what was lost on the way
    this.watch('changed', running.item);
    this.watch('ended', running.item);
  }

  /** Wants no more of the running answer; what there is of it is kept. */
  async stop() {
    const { running } = this;
    if (!running) return;
    running.stopping = true;
    const { id, chat } = running.turn;
    if (!id) return; // once it has an id
    try {
      await this.api.json('POST', `/chat/${chat}/messages/${id}/cancel`);
    } catch (problem) {
      if (problem.final) throw problem;
      running.stopping = false; // it goes on, and can be stopped again
      this.watch('changed', running.item);
    }
  }

  /** Once more: the rest of an answer that was lost on the way, or another try of one that failed. */
  retry(item) {
    if (this.running || item.state !== 'failed') return;
    const { turn } = item;
    Object.assign(item, { state: 'running', error: null, id: turn.failed ? null : turn.id });
    this.answer(turn.failed ? turnOf(turn.text, turn.chat) : turn, item);
  }

  /** 'positive', 'negative', or null to take it back; shown at once, and taken back where it was not heard. */
  async judge(item, feedback) {
    const before = item.feedback;
    item.feedback = feedback;
    this.watch('changed', item);
    try {
      const chat = item.turn?.chat || this.chat;
      await this.api.json('PATCH', `/chat/${chat}/messages/${item.id}/feedback`, { body: { feedback } });
    } catch (problem) {
      item.feedback = before;
      this.watch('changed', item);
      throw problem;
    }
  }

  /** Leaves this conversation for a new one. */
  fresh() {
    this.stop().catch(() => {}); // what is left behind may as well go on
    this.settle();
    this.begin();
  }

  begin() {
    this.store.write({ chat: null });
    this.dropped();
  }

  /** Nothing of what was said is shown, asked or answered any more. */
  dropped() {
    this.hush();
    this.anew = !this.ready;
    this.items = [];
    this.chat = null;
    this.watch('reset');
  }

  hush() {
    this.running?.end.abort();
    this.running = null;
  }

  /** Stops listening, for good; the answer goes on and is found again. */
  leave() {
    this.gone = true;
    this.hush();
  }
}
