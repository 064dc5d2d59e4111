// Links that an answer may have: to pages and mail addresses, saying where they lead, opened where they can do nothing here.

import { h } from '../dom.js';

/** Characters that turn the direction of what follows can make a text look like another. */
const TRICKS = /[\u202a-\u202e\u2066-\u2069\u0000]/g;

/** A stranger's text without them. */
export const plain = (text) => text.replace(TRICKS, '');

const SCHEMES = ['http:', 'https:', 'mailto:'];

/** The URL of a text, or null where it is none that may be followed. Only absolute ones: the host page's own are not known here. */
export function safeUrl(text) {
  if (!/^(https?:\/\/|mailto:)[^\s\\]/i.test(text)) return null;
  try {
    const url = new URL(text);
    if (!SCHEMES.includes(url.protocol) || url.username || url.password) return null;
    return url;
  } catch {
    return null; // not a URL: shown as the text that it is
  }
}

const targetOf = (url) => (url.protocol === 'mailto:' ? decoded(url.pathname) : url.host.replace(/^www\./, ''));

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign
  }
}

/** Whether a text names the target itself, so that saying it again would be noise. */
function names(text, url) {
  const bare = text.trim().toLowerCase().replace(/^(https?:\/\/|mailto:)/, '').replace(/^www\./, '');
  const target = targetOf(url).toLowerCase();
  return bare === target || (!/\s/.test(bare) && bare.startsWith(`${target}/`));
}

/** A link with these children; where their text does not name the target, the target stands behind it. */
export function link(url, children, text, attributes = {}) {
  const anchor = h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.href, ...attributes }, ...children);
  if (!names(text, url)) anchor.append(' ', h('span', { class: 'target' }, `(${targetOf(url)})`));
  return anchor;
}
