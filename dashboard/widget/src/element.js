// <minirag-widget>: the element a page has, its life, and what the page's scripts may do with it.

import { Api } from './api.js';
import { Conversation } from './conversation.js';
import { h, set } from './dom.js';
import { complete, read } from './options.js';
import { PHONE, Panel } from './view/panel.js';
import { tab } from './store.js';
import { Launcher } from './view/launcher.js';
import { sentence } from './view/sentences.js';

/** Where this script came from; the stylesheet lies beside it. */
export const HOME = document.currentScript?.src || document.querySelector('script[src*="minirag-widget"]')?.src || '';

/** The stylesheet's colours for buttons, and for buttons under a mouse. */
const PRIMARY = ['#4f46e5', '#4338ca'];

const LIVE = ['theme', 'position', 'size'];

/** Before the stylesheet has come: nothing of it takes room in the page. */
const FIRST = ':host{position:fixed!important;width:0!important;height:0!important}';

/**
 * A page may set two properties, also before this script has come (so they are no fields, which would empty them):
 * `identity`, a signed token or a function that gives one or a promise of it, and `texts`, the site's own words.
 */
export class MiniragWidget extends HTMLElement {
  static observedAttributes = LIVE.flatMap((name) => [name, `data-${name}`]);

  connectedCallback() {
    if (this.root) return;
    const options = read(this, HOME);
    if (!complete(options)) {
      console.error('minirag-widget: set data-embed-key (or bot-id and api-token) to say which bot answers here.');
      return;
    }
    this.options = options;
    this.api = new Api(this, options);
    this.conversation = new Conversation(this.api, (what, item) => this.see(what, item));
    const shadow = this.shadowRoot || this.attachShadow({ mode: 'open' });
    this.launcher = new Launcher(options, () => (this.isOpen ? this.close() : this.open()));
    // An empty title keeps the element's own from becoming the tooltip of everything in it.
    this.root = h('div', { class: 'root', title: '', lang: options.language, hidden: true }, this.launcher.element);
    shadow.append(this.root);
    this.dress(shadow);
    this.decorate();
    this.launcher.show(false, this.unread);
    if (tab.isOpen && !matchMedia(PHONE).matches) this.reopen();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return; // only moved
      this.conversation?.leave();
      this.panel?.hide();
      this.shadowRoot?.replaceChildren();
      this.root = this.panel = null;
      this.isOpen = false;
    });
  }

  attributeChangedCallback() {
    if (this.root) this.decorate();
  }

  /** The styles, in the shadow and nowhere else; shown once they are there. */
  dress(shadow) {
    const first = new CSSStyleSheet();
    first.replaceSync(FIRST);
    shadow.adoptedStyleSheets = [first];
    const { root } = this;
    const shown = () => {
      if (this.root !== root) return; // taken out of the page meanwhile
      const look = getComputedStyle(this);
      // A page that gave a colour and none for hovering gets a darker one of its own.
      const own = look.getPropertyValue('--primary').trim() !== PRIMARY[0] && look.getPropertyValue('--primary-hover').trim() === PRIMARY[1];
      root.classList.toggle('tinted', own);
      root.hidden = false;
    };
    const href = HOME ? new URL('minirag-widget.css', HOME).href : `${this.options.api}/dashboard/widget/minirag-widget.css`;
    shadow.prepend(h('link', { rel: 'stylesheet', href, load: shown, error: shown }));
  }

  decorate() {
    const { theme, position, size } = read(this, HOME);
    set(this.root, { 'data-position': position, 'data-size': size });
    set(this, { 'data-scheme': theme });
  }

  /** It was open before a reload; the page comes first, and may still have to say who its visitor is. */
  reopen() {
    const open = () => this.open({ focus: false });
    if (document.readyState === 'complete') setTimeout(open);
    else addEventListener('load', () => setTimeout(open), { once: true });
  }

  // What the page may call.

  /** Opens the chat; the first time makes the session. */
  open({ focus = true } = {}) {
    if (!this.root || this.isOpen) return;
    this.isOpen = true;
    this.before = focus ? document.activeElement : null;
    if (!this.panel) this.build();
    this.root.classList.add('open');
    this.panel.show(focus);
    this.count(0);
    tab.isOpen = true;
    this.load();
    this.emit('open');
  }

  /** Closes it; an answer that is being written goes on. */
  close() {
    if (!this.isOpen) return;
    const within = this.shadowRoot.activeElement;
    this.isOpen = false;
    this.panel.hide();
    this.root.classList.remove('open');
    this.launcher.show(false, this.unread);
    tab.isOpen = false;
    if (within) (this.before?.isConnected && this.before !== document.body && this.before !== this ? this.before : this.launcher.element).focus();
    this.emit('close');
  }

  /** Asks; resolves to `{text, chatId, messageId, sources}`, rejects where no answer came. */
  async send(text) {
    const question = String(text).trim();
    if (!question) throw new TypeError('There is nothing to send');
    if (!this.root) throw new Error('The widget is not in a page or says no bot');
    this.open({ focus: false });
    const { conversation } = this;
    await conversation.load();
    const answered = conversation.send(question);
    this.emit('message', { text: question });
    const item = await answered;
    if (item.state === 'failed') throw item.error;
    return detailOf(item);
  }

  /** Leaves the conversation for a new one. */
  newConversation() {
    this.conversation?.fresh();
    if (this.isOpen) this.panel.focus();
  }

  // Inside.

  build() {
    const say = (problem) => this.panel?.say(problem, null);
    this.panel = new Panel(this.options, {
      close: () => this.close(),
      fresh: () => this.newConversation(),
      send: (text) => this.send(text).catch((problem) => this.refused(problem, text)),
      suggest: (text) => {
        this.send(text).catch((problem) => this.refused(problem, text));
        this.panel.rest();
      },
      stop: () => {
        this.panel.composer.show(true, true);
        this.conversation.stop().catch(say);
      },
      retry: (item) => {
        this.conversation.retry(item);
        this.panel.rest();
      },
      judge: (item, feedback) => this.conversation.judge(item, feedback).catch((problem) => this.fail(problem)),
    });
    this.root.prepend(this.panel.element);
  }

  async load() {
    const { conversation } = this;
    if (conversation.ready) return;
    this.panel.loading();
    try {
      await conversation.load();
    } catch (problem) {
      if (conversation.gone) return;
      this.panel.reset([], null);
      this.fail(problem, () => this.load());
    }
  }

  /** A question that did not become a message is given back to whoever wrote it. */
  refused(problem, text) {
    if (problem.code === 'left') return;
    if (this.conversation.items.some((item) => item.error === problem)) return; // shown where the answer would be
    if (!this.panel.composer.field.value) this.panel.composer.field.value = text;
    this.panel.composer.resize();
  }

  fail(problem, retry) {
    if (!this.panel) return; // taken out of the page meanwhile
    if (problem.final) this.panel.end(problem);
    else this.panel.say(problem, retry);
    this.emit('error', { code: problem.code || 'failed', text: sentence(problem, this.options) });
  }

  /** What the conversation tells. */
  see(what, item) {
    const { panel } = this;
    if (!panel) return;
    if (what === 'reset') {
      panel.reset(this.conversation.items, this.api.bot);
      if (this.isOpen) this.count(0); // whose messages these are is known only now
    }
    if (what === 'added') panel.log.add(item);
    else if (what === 'lost') panel.say(this.options.say('lost'));
    else if (what !== 'reset') panel.log.change(item);
    if (what === 'changed' || what === 'reset') panel.say(null);
    panel.composer.show(Boolean(this.conversation.running), this.conversation.running?.stopping);
    if (what === 'ended') this.ended(item);
  }

  ended(item) {
    const { panel } = this;
    if (item.error) {
      panel.log.tellAnswer(item, sentence(item.error, this.options));
      if (item.error.final) panel.end(item.error);
      this.emit('error', { code: item.error.code, text: sentence(item.error, this.options) });
      return;
    }
    panel.log.tellAnswer(item);
    if (!this.isOpen) this.count((this.api.store.read().unread || 0) + 1);
    this.emit('answer', detailOf(item));
  }

  /** Answers that were not seen; one that a reload has interrupted is there by now. */
  get unread() {
    const { unread, pending } = this.api.store.read();
    return (unread || 0) + (pending && !this.conversation.ready ? 1 : 0);
  }

  count(unread) {
    this.api.store.write({ unread });
    this.launcher.show(this.isOpen, unread);
  }

  emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(`minirag:${name}`, { detail, bubbles: true, composed: true }));
  }
}

const detailOf = ({ text, id, sources, turn }) => ({ text, messageId: id, chatId: turn.chat, sources });
