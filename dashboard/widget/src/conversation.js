// The conversation of one visitor: what was said, what is being said, and how that survives a reload.

import { Problem } from './problem.js';
import { follow, turnOf } from './turn.js';

/** One message. `state`: 'done', 'running', 'stopped' or 'failed'; `error` a Problem. */
const itemOf = (role, text, fields = {}) => ({ role, text, id: null, sources: [], feedback: null, state: 'done', error: null, ...fields });

/** Keeps the messages and tells `watch` of changes: `(what, item)` with what one of 'reset', 'added', 'changed', 'lost'. */
export class Conversation {
  constructor(api, watch) {
    this.api = api;
    this.watch = watch;
    this.items = [];
    this.running = null;
    this.loaded = null;
  }

  get store() {
    return this.api.store;
  }

  /** The bot, and what was said before; done once, and again after a failure. */
  load() {
    this.loaded ||= this.restore().catch((problem) => {
      this.loaded = null;
      throw problem;
    });
    return this.loaded;
  }

  async restore() {
    await this.api.face();
    const chat = await this.chatOf();
    this.items = chat ? await this.history(chat) : [];
    const { pending } = this.store.read();
    this.watch('reset');
    if (pending) this.take_up(pending);
  }

  /** The conversation to go on with. Whom the site vouches for has theirs on every device. */
  async chatOf() {
    const { chat } = this.store.read();
    if (chat !== undefined || !this.api.identified) return chat;
    const [last] = await this.api.json('GET', `/chat?limit=1&bot_profile_id=${this.api.bot.id}`);
    this.store.write({ chat: last?.id });
    return last?.id;
  }

  async history(chat) {
    try {
      const messages = await this.api.json('GET', `/chat/${chat}/messages`);
      return messages
        .filter(({ role, content }) => role === 'user' || (role === 'assistant' && content))
        .map(({ role, content, id, sources, feedback }) => itemOf(role, content, { id, sources, feedback }));
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.store.write({ chat: undefined, pending: undefined }); // deleted, or another visitor's
      return [];
    }
  }

  /** Goes on with a question that a reload has interrupted. */
  take_up({ key, text, chat, id }) {
    if (this.items.some((item) => item.id === id && id)) {
      this.store.write({ pending: undefined });
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
  async send(text) {
    if (this.running) throw new Error('An answer is being written');
    this.add(itemOf('user', text));
    return this.answer(turnOf(text, this.store.read().chat || undefined));
  }

  /** Follows a turn and shows it as an item. */
  async answer(turn, item = this.add(itemOf('assistant', '', { state: 'running' }))) {
    const running = { turn, item, end: new AbortController(), stopping: false };
    this.running = running;
    item.id = turn.id;
    this.keep(turn);
    try {
      await follow(this.api, turn, (what) => this.notice(running, what), running.end.signal);
      this.finish(running, { state: turn.stopped ? 'stopped' : 'done' });
    } catch (failure) {
      if (running.end.signal.aborted) return Object.assign(item, { state: 'stopped', turn });
      this.finish(running, { state: 'failed', error: failure instanceof Problem ? failure : new Problem(0, 'failed', String(failure)) });
    }
    return item;
  }

  keep({ key, text, chat, id }) {
    this.store.write({ pending: { key, text, chat, id } });
  }

  notice(running, what) {
    const { turn, item } = running;
    if (what === 'lost') return this.watch('lost', item);
    if (what === 'begun') {
      item.id = turn.id;
      this.store.write({ chat: turn.chat });
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
    this.store.write({ pending: undefined });
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
      const chat = item.turn?.chat || this.store.read().chat;
      await this.api.json('PATCH', `/chat/${chat}/messages/${item.id}/feedback`, { body: { feedback } });
    } catch (problem) {
      item.feedback = before;
      this.watch('changed', item);
      throw problem;
    }
  }

  /** Leaves this conversation for a new one. */
  fresh() {
    if (this.running) {
      this.stop().catch(() => {}); // what is left behind may as well go on
      this.running.end.abort();
      this.running = null;
    }
    this.items = [];
    this.store.write({ chat: null, pending: undefined });
    this.watch('reset');
  }

  /** Stops listening; the answer goes on and is found again. */
  leave() {
    this.running?.end.abort();
    this.running = null;
  }
}
