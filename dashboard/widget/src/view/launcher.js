// The round button in the corner, with the number of answers that were not seen.

import { h, icon, isIcon, set } from '../dom.js';

export class Launcher {
  constructor(options, press) {
    this.options = options;
    const drawing = isIcon(options.icon) ? icon(options.icon) : h('img', { src: options.icon, alt: '' });
    this.badge = h('span', { class: 'badge', part: 'badge', 'aria-hidden': 'true', hidden: true });
    this.element = h(
      'button',
      { type: 'button', class: 'launcher', part: 'launcher', 'aria-haspopup': 'dialog', click: press },
      h('span', { class: 'face' }, h('slot', { name: 'icon' }, drawing)),
      h('span', { class: 'shut' }, icon('down')),
      this.badge,
    );
    this.show(false, 0);
  }

  show(open, unread) {
    const { say } = this.options;
    const label = open ? say('close') : [say('open'), unread > 0 && say('unread', { n: unread })].filter(Boolean).join(', ');
    set(this.element, { 'aria-expanded': String(open), 'aria-label': label, title: say(open ? 'close' : 'open') });
    this.badge.hidden = open || !unread;
    this.badge.textContent = String(unread);
  }
}
