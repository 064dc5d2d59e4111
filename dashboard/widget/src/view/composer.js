// Where a visitor writes. One button sends, and stops while an answer is being written.

import { h, icon, set } from '../dom.js';

/** Characters that the API takes. */
const MOST = 32_000;

export class Composer {
  /** `actions`: `send(text)`, `stop()`. */
  constructor({ say }, actions) {
    this.say = say;
    this.actions = actions;
    this.running = null;
    this.field = h('textarea', {
      part: 'input',
      rows: '1',
      maxlength: MOST,
      dir: 'auto',
      placeholder: say('placeholder'),
      'aria-label': say('placeholder'),
      enterkeyhint: 'send',
      input: () => this.resize(),
      keydown: (event) => this.key(event),
    });
    this.button = h('button', { type: 'button', class: 'send', part: 'send', click: () => this.press() });
    this.element = h('form', { class: 'composer', part: 'composer', submit: (event) => event.preventDefault() }, this.field, this.button);
    this.show(false);
  }

  key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!this.running) this.submit();
  }

  press() {
    if (this.running) this.actions.stop();
    else this.submit();
  }

  submit() {
    const text = this.field.value.trim();
    if (!text || this.field.disabled) return;
    this.field.value = '';
    this.resize();
    this.actions.send(text);
  }

  resize() {
    this.field.rows = 1;
    const line = Number.parseFloat(getComputedStyle(this.field).lineHeight) || 20;
    this.field.rows = Math.max(1, Math.min(6, Math.round((this.field.scrollHeight - 16) / line)));
    this.enable();
  }

  /** What the button does. */
  show(running, stopping = false) {
    if (this.running === running && this.stopping === stopping) return;
    this.running = running;
    this.stopping = stopping;
    const label = this.say(running ? 'stop' : 'send');
    set(this.button, { 'aria-label': label, title: label });
    this.button.classList.toggle('stopping', running);
    this.button.replaceChildren(icon(running ? 'stop' : 'send'));
    this.enable();
  }

  /** A button that would do nothing says so; it stays focusable, so that nobody is thrown to the page's start. */
  enable() {
    const idle = this.running ? this.stopping : !this.field.value.trim();
    set(this.button, { 'aria-disabled': String(idle) });
  }

  /** Nothing more is written here. */
  end() {
    this.field.disabled = true;
    this.element.hidden = true;
  }
}
