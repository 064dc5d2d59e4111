// Requests. Credentials are a visitor's session, made at the first need and again when it ends, or an old page's API token.

import { identityOf, knownIdentity, subjectOf } from './options.js';
import { Problem, network } from './problem.js';
import { Store } from './store.js';

/** fetch without cookies, whose failures are Problems. */
async function send(url, init) {
  try {
    return await fetch(url, { ...init, credentials: 'omit', cache: 'no-store', referrerPolicy: 'strict-origin' });
  } catch (failure) {
    if (init.signal?.aborted) throw failure;
    throw network();
  }
}

/** The API for one widget. */
export class Api {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.store = new Store(this.nameFor(options.embedKey && knownIdentity(element)));
    this.token = options.embedKey ? null : options.token;
    this.bot = null;
    this.identified = false;
    this.visitor = null;
    /** Called when a new session is another visitor's than the one before. */
    this.changed = () => {};
  }

  /** Under which name things are kept for whom the site vouches for, or for whoever uses this browser. */
  nameFor(identity) {
    const name = this.options.embedKey || this.options.botId;
    return identity ? `${name}:${subjectOf(identity)}` : name;
  }

  /** What a visitor may know of the bot; makes the session. */
  async face() {
    if (this.bot) return this.bot;
    if (this.options.embedKey) await this.renew();
    else this.bot = await this.profile();
    return this.bot;
  }

  /** A bot as an API token sees it; one that may only chat gets the defaults. */
  async profile() {
    const plain = { id: this.options.botId, name: null, greeting: null, suggested_questions: [] };
    try {
      return { ...plain, ...(await this.json('GET', `/bot-profiles/${this.options.botId}`)) };
    } catch (problem) {
      if (problem.status === 403) return plain;
      throw problem.status === 404 ? new Problem(404, 'bot_not_found') : problem;
    }
  }

  /** A new session. Several at once that find the old one ended wait for the same new one. */
  renew() {
    this.renewing ||= this.arrive().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  async arrive() {
    const identity = await identityOf(this.element);
    const name = this.nameFor(identity);
    this.identified = Boolean(identity);
    if (this.store.name !== name) this.store = new Store(name); // the same one keeps its memory
    const known = identity ? undefined : this.store.read().visitor;
    let response = await this.ask(identity ? { identity } : known ? { visitor_token: known } : {});
    if (response.status === 401 && known) response = await this.ask({}); // not seen for a month: a new visitor
    if (response.status === 404) throw new Problem(404, 'key_ended');
    if (!response.ok) throw await Problem.of(response);
    const session = await response.json();
    this.token = session.session_token;
    this.bot = session.bot;
    this.settle(session);
  }

  ask(body) {
    const headers = { 'Content-Type': 'application/json' };
    const url = `${this.options.api}/v1/embed/${encodeURIComponent(this.options.embedKey)}/sessions`;
    return this.judged(() => send(url, { method: 'POST', headers, body: JSON.stringify(body) }));
  }

  /** Another visitor than the one whose conversation is kept starts without it. */
  settle(session) {
    const kept = this.store.read();
    const other = kept.id && kept.id !== session.visitor_id;
    const visitor = this.identified ? undefined : session.visitor_token;
    this.store.write({ id: session.visitor_id, visitor, ...(other ? { chat: undefined, pending: undefined, unread: 0 } : {}) });
    const before = this.visitor;
    this.visitor = session.visitor_id;
    if (before && before !== this.visitor) this.changed();
  }

  /** A browser says of a page that may not read the answer no more than of a broken line; the health page tells them apart. */
  async judged(sending) {
    try {
      return await sending();
    } catch (problem) {
      if (problem.code !== 'network') throw problem;
    }
    await send(`${this.options.api}/health`, { mode: 'no-cors' });
    try {
      return await sending(); // the API was away for a moment
    } catch {
      throw new Problem(403, 'origin_not_allowed');
    }
  }

  /** A response that is ok. A session that has ended is renewed once; Problem for everything else. */
  async request(method, path, { body, headers, signal } = {}) {
    for (let renewed = false; ; renewed = true) {
      if (!this.token) await this.renew();
      const { token } = this;
      const response = await send(`${this.options.api}/v1${path}`, {
        method,
        signal,
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      });
      if (response.ok) return response;
      if (response.status !== 401 || renewed || !this.options.embedKey) throw await Problem.of(response);
      if (this.token === token) this.token = null; // or another request has renewed it already
    }
  }

  async json(method, path, options) {
    return (await this.request(method, path, options)).json();
  }

  /** The session has ended under a stream: the next request makes another. */
  expire() {
    if (this.options.embedKey) this.token = null;
  }
}
