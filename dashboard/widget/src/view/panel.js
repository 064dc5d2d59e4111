// The open chat: a dialog with a head, the messages, and where to write.

import { h, icon, iconButton, set } from '../dom.js';
import { Composer } from './composer.js';
import { Log } from './log.js';
import { sentence } from './sentences.js';

/** Where the panel fills the screen, as in the stylesheet. */
export const PHONE = '(max-width: 480px), (max-height: 420px)';

export class Panel {
  /** `actions`: close, fresh, send, suggest, stop, retry, judge. */
  constructor(options, actions) {
    this.options = options;
    this.actions = actions;
    const { say } = options;
    this.title = h('h2', { part: 'title', id: 'title' }, say('title'));
    this.freshButton = iconButton('plus', say('fresh'), () => actions.fresh(), { part: 'new' });
    const head = h(
      'header',
      { part: 'header' },
      h('span', { class: 'avatar', part: 'avatar', 'aria-hidden': 'true' }, icon('spark')),
      this.title,
      this.freshButton,
      iconButton('close', say('close'), () => actions.close(), { part: 'close' }),
    );
    this.log = new Log(options, actions);
    this.notice = h('div', { class: 'notice', part: 'notice', role: 'alert', hidden: true });
    this.composer = new Composer(options, actions);
    const footer = say('footer');
    this.element = h(
      'section',
      { class: 'panel', part: 'panel', role: 'dialog', 'aria-labelledby': 'title', hidden: true, keydown: (event) => this.key(event) },
      head,
      this.log.element,
      this.notice,
      this.composer.element,
      footer && h('p', { class: 'footer', part: 'footer' }, footer),
    );
    this.phone = matchMedia(PHONE);
    this.fit = () => {
      set(this.element, { 'aria-modal': this.phone.matches ? 'true' : null });
      this.fitKeyboard();
    };
  }

  key(event) {
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      this.actions.close();
    } else if (event.key === 'Tab' && this.phone.matches) this.keepFocus(event);
  }

  /** The panel covers everything on a phone, so focus does not leave it. */
  keepFocus(event) {
    const all = [...this.element.querySelectorAll('button, a[href], textarea, summary, [tabindex="0"]')].filter((one) => !one.disabled && one.getClientRects().length);
    const edge = event.shiftKey ? all[0] : all.at(-1);
    if (this.element.getRootNode().activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? all.at(-1) : all[0]).focus();
  }

  show(focus) {
    this.element.hidden = false;
    this.phone.addEventListener('change', this.fit); // also phones that are turned
    visualViewport?.addEventListener('resize', this.fit);
    visualViewport?.addEventListener('scroll', this.fit);
    this.fit();
    this.log.follow();
    if (focus) this.rest();
  }

  focus() {
    (this.composer.field.disabled ? this.element.querySelector('[part=close]') : this.composer.field).focus({ preventScroll: true });
  }

  /** Keeps focus within once what held it is gone; without bringing up a phone's keyboard. */
  rest() {
    if (this.phone.matches) this.log.list.focus({ preventScroll: true });
    else this.focus();
  }

  hide() {
    this.element.hidden = true;
    this.phone.removeEventListener('change', this.fit);
    visualViewport?.removeEventListener('resize', this.fit);
    visualViewport?.removeEventListener('scroll', this.fit);
  }

  /** On a phone the panel is what the keyboard leaves of the screen. */
  fitKeyboard() {
    const { style } = this.element;
    const covered = this.phone.matches && visualViewport && visualViewport.height < innerHeight - 1;
    style.height = covered ? `${visualViewport.height}px` : '';
    style.top = covered ? `${visualViewport.offsetTop}px` : '';
  }

  /** While the conversation is fetched, and where it cannot be. */
  loading() {
    this.say(null);
    this.log.list.replaceChildren(h('div', { class: 'skeleton', role: 'img', 'aria-label': this.options.say('loading') }, h('i'), h('i'), h('i')));
  }

  reset(items, bot) {
    const { own, say } = this.options;
    this.title.textContent = own('title') ?? (bot?.name || say('title'));
    this.log.reset(items, bot);
  }

  /** A sentence above the composer, with a button where something can be done; null takes it away. */
  say(problem, retry) {
    if (this.ended && !problem) return;
    const held = this.notice.contains(this.element.getRootNode().activeElement);
    this.notice.hidden = !problem;
    if (held) this.rest(); // the button that was pressed goes
    if (!problem) return;
    const button = retry && h('button', { type: 'button', class: 'retry', part: 'retry', click: retry }, this.options.say('retry'));
    const text = typeof problem === 'string' ? problem : sentence(problem, this.options);
    this.notice.replaceChildren(h('p', {}, text), ...(button ? [button] : []));
  }

  /** Nothing more can be said here. */
  end(problem) {
    this.say(problem);
    this.ended = true;
    const held = this.composer.element.contains(this.element.getRootNode().activeElement);
    this.composer.end();
    this.freshButton.hidden = true;
    if (held) this.focus();
  }
}
