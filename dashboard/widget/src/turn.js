// One answer, followed to its end over as many connections as that takes.

import { events } from './events.js';
import { Problem, network } from './problem.js';

/** Connections in a row that bring nothing before a visitor is asked whether to go on: about a minute. */
const PATIENCE = 8;

/** Codes of an `error` that ends a connection but not the answer. */
const GOES_ON = ['turn_still_running', 'unavailable', 'not_authenticated'];

/** A question on its way. `key` makes repeating it harmless; `id` and `chat` are known once the API has answered. */
export const turnOf = (text, chat, key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`) => ({
  key,
  text,
  chat,
  id: null,
  last: null,
  answer: '',
  sources: [],
  stopped: false,
  failed: false,
});

/** Reads until the answer has ended. `notice` is told of every change: 'begun', 'more', 'lost'. Throws a Problem. */
export async function follow(api, turn, notice, signal) {
  for (let lost = 0; ; ) {
    try {
      const response = await connect(api, turn, signal);
      if (!turn.id) begin(turn, response, notice);
      for await (const event of events(response)) {
        lost = 0;
        if (take(api, turn, event)) return;
        notice('more');
      }
    } catch (failure) {
      signal.throwIfAborted();
      if (failure.code === 'not_found' && turn.chat) forget(turn);
      else if (failure instanceof Problem && !failure.passing) throw failure;
    }
    lost += 1;
    if (lost > PATIENCE) throw network();
    if (lost > 1) notice('lost');
    if (lost > 2) api.expire(); // a page that lost its key gets no word but from the session's address
    await pause(Math.min(125 * 2 ** lost, 10_000), signal);
  }
}

/** The conversation was deleted: what was not asked yet is asked in a new one. */
function forget(turn) {
  turn.chat = null;
  turn.key += '+';
  if (!turn.id) return;
  turn.failed = true;
  throw new Problem(404, 'gone');
}

function connect(api, turn, signal) {
  if (turn.id) {
    const headers = turn.last ? { 'Last-Event-ID': turn.last } : {};
    return api.request('GET', `/chat/${turn.chat}/messages/${turn.id}/stream`, { headers, signal });
  }
  const body = { bot_profile_id: api.bot.id, message: turn.text, stream: true, ...(turn.chat ? { chat_id: turn.chat } : {}) };
  return api.request('POST', '/chat', { body, headers: { 'Idempotency-Key': turn.key }, signal });
}

function begin(turn, response, notice) {
  turn.chat = response.headers.get('x-minirag-chat-id') || turn.chat;
  turn.id = response.headers.get('x-minirag-message-id');
  notice('begun');
}

/** Takes one event in; true when it was the last. */
function take(api, turn, { id, event, data }) {
  turn.last = id || turn.last;
  if (event === 'sources') turn.sources = data.sources;
  if (event === 'delta') turn.answer = data.replace ? data.content : turn.answer + data.content;
  if (event === 'done') turn.stopped = Boolean(data.stopped);
  if (event === 'error') {
    if (data.code === 'not_authenticated') api.expire();
    turn.failed = Boolean(id) || !GOES_ON.includes(data.code);
    if (turn.failed) throw new Problem(422, data.code || 'turn_failed', data.detail);
    return false;
  }
  return event === 'done';
}

/** Waits, but no longer than until the browser says that it is online again. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (how, value) => {
      clearTimeout(timer);
      removeEventListener('online', again);
      how(value);
    };
    const again = () => end(resolve);
    const timer = setTimeout(again, milliseconds);
    addEventListener('online', again);
    signal.addEventListener('abort', () => end(reject, signal.reason), { once: true });
  });
}
