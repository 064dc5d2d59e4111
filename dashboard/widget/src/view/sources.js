// What an answer stands on: a mark in the text for each source, and a list of all below it.

import { h } from '../dom.js';
import { plain, safeUrl } from '../markdown/links.js';

const titleOf = (source, say) => plain(source.title || '') || safeUrl(source.url || '')?.host || say('untitled');

/** A maker of marks for the numbers of these sources; pressing one shows its source in `list()`. */
export function citer(sources, say, list) {
  return (number) => {
    const source = sources.find(({ n }) => n === number);
    if (!source) return null;
    const label = say('source', { n: number, title: titleOf(source, say) });
    return h('button', { type: 'button', class: 'cite', part: 'citation', 'aria-label': label, title: label, click: () => show(list(), number) }, String(number));
  };
}

function show(details, number) {
  if (!details) return;
  details.open = true;
  const item = details.querySelector(`[data-n="${number}"]`);
  item?.scrollIntoView({ block: 'nearest' });
  (item?.querySelector('a') || item)?.focus({ preventScroll: true });
}

/** The disclosure “3 sources used”, or null where there are none. */
export function sourceList(sources, say) {
  if (!sources.length) return null;
  const summary = h('summary', {}, say('sources', { n: sources.length }));
  return h('details', { class: 'sources', part: 'sources' }, summary, h('ol', {}, ...sources.map((source) => entry(source, say))));
}

function entry(source, say) {
  const url = safeUrl(source.url || '');
  const title = titleOf(source, say);
  const heading = plain(source.heading || '');
  const head = url
    ? h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.href }, title)
    : h('strong', {}, title);
  const where = [url?.host, heading !== title && heading, source.page && say('page', { n: source.page })].filter(Boolean);
  return h(
    'li',
    { 'data-n': source.n, tabindex: url ? null : '-1' },
    h('span', { class: 'number', 'aria-hidden': 'true' }, String(source.n)),
    h('div', {}, head, where.length > 0 && h('span', { class: 'where' }, where.join(' · ')), source.content && h('q', {}, plain(source.content))),
  );
}
