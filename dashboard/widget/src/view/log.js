// The messages: in order, at the end only while the reader is there, told to screen readers as wholes.

import { h, iconButton, set } from '../dom.js';
import { Answer, greeting, question } from './message.js';

/** Pixels from the end within which a reader counts as being there. */
const NEAR = 48;

/** Milliseconds after which what was told is taken away. */
const TOLD = 10_000;

export class Log {
  constructor(options, actions) {
    this.options = options;
    this.actions = actions;
    this.answers = new Map();
    this.stuck = true;
    const { say } = options;
    // aria-live is off: an answer is told by `said`, once and whole, not piece by piece.
    this.list = h('div', { class: 'list', part: 'log', role: 'log', 'aria-live': 'off', 'aria-label': say('log'), tabindex: '0', scroll: () => this.scrolled() });
    this.said = h('div', { class: 'quiet', role: 'status', 'aria-live': 'polite' });
    this.latest = iconButton('down', say('latest'), () => this.toEnd(true), { class: 'latest', part: 'latest', hidden: true });
    this.element = h('div', { class: 'log' }, this.list, this.latest, this.said);
    new ResizeObserver(() => this.follow()).observe(this.list);
  }

  /** Shows a conversation from its beginning. */
  reset(items, bot) {
    this.answers.clear();
    this.list.replaceChildren();
    this.stuck = true;
    const { own, say } = this.options;
    const words = own('greeting') ?? (bot?.greeting || say('greeting'));
    if (words) this.list.append(greeting(words));
    if (!items.length) this.suggest(bot?.suggested_questions || []);
    for (const item of items) this.add(item);
    this.follow();
  }

  suggest(questions) {
    if (!questions.length) return;
    const buttons = questions.map((text) => h('button', { type: 'button', part: 'suggestion', dir: 'auto', click: () => this.actions.suggest(text) }, text));
    this.suggestions = h('div', { class: 'suggestions', part: 'suggestions', role: 'group', 'aria-label': this.options.say('suggestions') }, ...buttons);
    this.list.append(this.suggestions);
  }

  add(item) {
    this.suggestions?.remove();
    if (item.role === 'user') {
      this.stuck = true; // whoever asks wants to see the answer
      this.list.append(question(item, this.options.say));
    } else {
      const answer = new Answer(item, this.options, this.actions);
      this.answers.set(item, answer);
      this.list.append(answer.element);
      if (item.state === 'running') this.tell(this.options.say('typing'));
    }
    this.follow();
  }

  /** Shows what has changed, at most once a frame. */
  change(item) {
    this.changed ||= new Set();
    if (!this.changed.size) requestAnimationFrame(() => this.draw());
    this.changed.add(item);
  }

  draw() {
    const items = [...this.changed];
    this.changed.clear();
    for (const item of items) this.answers.get(item)?.update();
    this.follow();
  }

  tell(text) {
    this.said.textContent = text;
    clearTimeout(this.forgetting);
    this.forgetting = setTimeout(() => this.said.replaceChildren(), TOLD); // or it would be found twice by reading on
  }

  /** The whole answer, as it reads: for whoever listens. */
  tellAnswer(item, failure) {
    const answer = this.answers.get(item);
    answer?.update();
    this.tell([failure, answer?.text.textContent].filter(Boolean).join(' '));
    this.follow();
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    this.stuck = scrollHeight - scrollTop - clientHeight < NEAR;
    set(this.latest, { hidden: this.stuck });
  }

  follow() {
    if (this.stuck) this.toEnd(false);
    else this.scrolled();
  }

  toEnd(pressed) {
    this.stuck = true;
    this.list.scrollTop = this.list.scrollHeight;
    set(this.latest, { hidden: true });
    if (pressed) this.list.focus({ preventScroll: true });
  }
}
