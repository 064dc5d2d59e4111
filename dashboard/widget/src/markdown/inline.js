// Text within a paragraph: emphasis, code, links, citation marks. What is none of these is text, HTML included.

import { h } from '../dom.js';
import { link, safeUrl } from './links.js';

const DEPTH = 8;

/** One pattern per construct, tried in this order at every place where one can begin; bounded, so that none takes long. */
const RULES = [
  [/\\([!-/:-@[-`{-~])/y, (m) => m[1]],
  [/(`{1,9})(?!`)([^]{0,2000}?[^`])\1(?!`)/y, (m) => h('code', {}, m[2].replace(/\n/g, ' ').trim())],
  [/!\[([^\]\n]{0,500})\]\(\s{0,9}<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500})?)>?(?:\s{1,9}(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'))?\s{0,9}\)/y, image],
  [/\[((?:[^\[\]\n\\]|\\.|\[[^\[\]\n]{0,200}\]){1,500})\]\(\s{0,9}<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500})?)>?(?:\s{1,9}(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'))?\s{0,9}\)/y, anchor],
  [/\[(\d{1,2}(?:\s?[,;]\s?\d{1,2}){0,9})\](?![(:])/y, (m, context) => citation(m, context)],
  [/<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/iy, (m) => bare(m[1])],
  [/https?:\/\/[^\s<>"'`*|\\]{1,2000}/iy, url],
  [/\*\*\*(?=[^\s*])([^*\n]{0,1000}?[^\s*])\*\*\*/y, (m, context) => h('strong', {}, nested('em', m[1], context))],
  [/\*\*(?=[^\s*])([^]{0,2000}?[^\s])\*\*/y, (m, context) => nested('strong', m[1], context)],
  [/__(?=[^\s_])([^]{0,2000}?[^\s])__(?!\w)/y, (m, context) => nested('strong', m[1], context)],
  [/\*(?=[^\s*])([^*\n]{0,1000}?[^\s*])\*(?!\*)/y, (m, context) => nested('em', m[1], context)],
  [/_(?=[^\s_])([^_\n]{0,1000}?[^\s_])_(?!\w)/y, (m, context) => nested('em', m[1], context)],
  [/~~(?=\S)([^~\n]{1,1000})~~/y, (m, context) => nested('s', m[1], context)],
  [/\n/y, () => h('br')],
];

const STARTS = /[\\`![<hH*_~\n]/g;

/** The nodes of a text. `context.cite` makes a mark for a number, or null where there is no such source. */
export function inline(text, context) {
  const depth = (context.depth || 0) + 1;
  if (depth > DEPTH) return [text];
  const nodes = [];
  let from = 0;
  for (let at = nextStart(text, 0); at < text.length; ) {
    const found = matchAt(text, at, { ...context, depth });
    if (found) {
      if (at > from) nodes.push(text.slice(from, at));
      nodes.push(...[found.node].flat());
      from = at + found.length;
    }
    at = nextStart(text, found ? from : at + 1);
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function nextStart(text, at) {
  STARTS.lastIndex = at;
  const found = STARTS.exec(text);
  return found ? found.index : text.length;
}

function matchAt(text, at, context) {
  const before = text[at - 1] || '';
  if (text[at] === '`' && before === '`') return null;
  if (/[_h]/i.test(text[at]) && /\w/.test(before)) return null; // snake_case, and the h of a word
  for (const [pattern, make] of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const node = match && make(match, context);
    if (node) return { node, length: node.taken ?? match[0].length };
  }
  return null;
}

const nested = (tag, text, context) => h(tag, {}, ...inline(text, context));

/** An image would be a request that nobody asked for: it is a link, and text where it may not even be that. */
function image([, alt, target]) {
  const to = safeUrl(target);
  return to && link(to, [alt || target], alt || target);
}

function anchor([, label, target], context) {
  const to = safeUrl(target);
  if (!to) return null;
  // A link in a link is none; what is inside is text with emphasis at most.
  const holder = h('span', {}, ...inline(label, { depth: context.depth }));
  for (const inner of holder.querySelectorAll('a')) inner.replaceWith(inner.textContent);
  return link(to, [...holder.childNodes], holder.textContent);
}

function bare(text) {
  const to = safeUrl(text);
  return to ? link(to, [text.replace(/^mailto:/i, '')], text) : null;
}

/** An address in the text, without the punctuation that ends its sentence. */
function url([text]) {
  let end = text.replace(/[.,;:!?)\]}]+$/, '');
  if (end.includes('(') && text[end.length] === ')') end += ')';
  const node = bare(end);
  if (node) node.taken = end.length;
  return node;
}

function citation([, numbers], context) {
  const marks = numbers.split(/[,;]/).map((number) => context.cite?.(Number(number)));
  return marks.length && marks.every(Boolean) ? marks : null;
}
