// One message as elements, kept up with its item.

import { h, icon, iconButton, set } from '../dom.js';
import { render } from '../markdown/render.js';
import { citer, sourceList } from './sources.js';
import { sentence } from './sentences.js';

/** A question: exactly what was typed. */
export function question(item, say) {
  return h(
    'div',
    { class: 'message user', part: 'message message-user' },
    h('span', { class: 'quiet' }, `${say('you')}: `),
    h('div', { class: 'bubble', part: 'bubble bubble-user', dir: 'auto' }, item.text),
  );
}

/** What the bot says of its own accord. */
export function greeting(text) {
  return h('div', { class: 'message bot', part: 'message message-bot' }, h('div', { class: 'bubble', part: 'bubble bubble-bot', dir: 'auto' }, text));
}

/** An answer that is being written or has been. `actions`: `retry(item)`, `judge(item, feedback)`. */
export class Answer {
  constructor(item, options, actions) {
    this.item = item;
    this.options = options;
    this.actions = actions;
    this.text = h('div', { class: 'text', dir: 'auto' });
    this.dots = h('span', { class: 'dots', role: 'img', 'aria-label': options.say('typing') }, h('i'), h('i'), h('i'));
    this.bubble = h('div', { class: 'bubble', part: 'bubble bubble-bot' }, this.dots, this.text);
    this.below = h('div', { class: 'below' });
    this.element = h('div', { class: 'message bot', part: 'message message-bot' }, this.bubble, this.below);
    this.update();
  }

  update() {
    const { item, options } = this;
    const version = String(item.sources.length);
    const cite = citer(item.sources, options.say, () => this.details);
    render(this.text, item.text, { say: options.say, cite, version });
    const running = item.state === 'running';
    this.dots.hidden = !running || Boolean(item.text);
    this.bubble.hidden = !running && !item.text;
    this.element.classList.toggle('running', running);
    if (!running) this.settle();
    else if (this.settled) this.unsettle();
  }

  /** What stands below an answer that has ended; made once, so that focus stays where it is. */
  settle() {
    const { item, options } = this;
    if (this.settled === item.state) return this.mark();
    this.settled = item.state;
    const parts = [];
    if (item.state === 'stopped') parts.push(h('p', { class: 'note' }, options.say('stopped')));
    if (item.error) parts.push(this.failure());
    this.details = item.state === 'failed' ? null : sourceList(this.used(), options.say);
    if (this.details) parts.push(this.details);
    if (item.id && item.text && item.state !== 'failed') parts.push(this.toolbar());
    this.below.replaceChildren(...parts);
    return this.mark();
  }

  /** The sources that the text names; all that it was given where it names none. */
  used() {
    const named = new Set([...this.text.querySelectorAll('.cite')].map((mark) => Number(mark.textContent)));
    return this.item.sources.filter(({ n }) => !named.size || named.has(n));
  }

  unsettle() {
    this.settled = null;
    this.details = null;
    this.below.replaceChildren();
  }

  failure() {
    const { error } = this.item;
    const retry = h('button', { type: 'button', class: 'retry', part: 'retry', click: () => this.actions.retry(this.item) }, this.options.say('retry'));
    return h('div', { class: 'failure', part: 'error' }, h('p', {}, sentence(error, this.options)), !error.final && retry);
  }

  toolbar() {
    const { say } = this.options;
    const judge = (value) => () => this.actions.judge(this.item, this.item.feedback === value ? null : value);
    const copy = iconButton('copy', say('copy'), () => this.copy(copy));
    this.thumbs = {
      positive: iconButton('up', say('good'), judge('positive'), { part: 'feedback' }),
      negative: iconButton('bad', say('bad'), judge('negative'), { part: 'feedback' }),
    };
    return h('div', { class: 'tools', part: 'tools' }, copy, this.thumbs.positive, this.thumbs.negative);
  }

  mark() {
    for (const [value, button] of Object.entries(this.thumbs || {})) set(button, { 'aria-pressed': String(this.item.feedback === value) });
  }

  async copy(button) {
    await copied(this.item.text, this.element);
    const { say } = this.options;
    button.replaceChildren(icon('check'));
    set(button, { 'aria-label': say('copied'), title: say('copied') });
    setTimeout(() => {
      button.replaceChildren(icon('copy'));
      set(button, { 'aria-label': say('copy'), title: say('copy') });
    }, 2000);
  }
}

/** Copies a text; pages without TLS have no clipboard but that of their selection. */
async function copied(text, beside) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const field = h('textarea', { class: 'quiet', 'aria-hidden': 'true', tabindex: '-1' });
  const before = beside.getRootNode().activeElement;
  field.value = text;
  beside.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
  return before?.focus();
}
