// A subset of Markdown as elements: paragraphs, headings, lists, quotes, code, tables, rules. Never markup, always text.

import { h } from '../dom.js';
import { inline } from './inline.js';
import { plain } from './links.js';

const DEPTH = 6;

// None of these backtracks over more than a few characters: an answer may have lines of any kind and length.
const FENCE = /^ {0,3}(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s(.*))?$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^( {0,9})([-*+•]|\d{1,9}[.)])(\s+|$)(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;

/** Splits a text into top-level blocks `{kind, lines…, raw}`; also used while it is still being written. */
export function blocks(text) {
  const lines = plain(text).replace(/\r\n?/g, '\n').replace(/\t/g, '    ').split('\n');
  const found = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const block = read(lines, at);
    block.raw = lines.slice(at, block.next).join('\n');
    found.push(block);
    at = block.next;
  }
  return found;
}

function read(lines, at) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return readFence(lines, at, fence[1]);
  const heading = HEADING.exec(line);
  if (heading) return { kind: 'heading', level: heading[1].length, text: (heading[2] || '').trim().replace(/\s#+$/, ''), next: at + 1 };
  if (RULE.test(line)) return { kind: 'rule', next: at + 1 };
  if (QUOTE.test(line)) return readQuote(lines, at);
  if (ITEM.test(line)) return readList(lines, at);
  if (isTable(lines, at)) return readTable(lines, at);
  if (/^ {4}/.test(line)) return readIndented(lines, at);
  return readParagraph(lines, at);
}

function readFence(lines, at, mark) {
  const close = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  return { kind: 'code', text: lines.slice(at + 1, end).join('\n'), next: Math.min(end + 1, lines.length) };
}

function readIndented(lines, at) {
  let end = at;
  while (end < lines.length && /^ {4}/.test(lines[end])) end += 1;
  return { kind: 'code', text: lines.slice(at, end).map((line) => line.slice(4)).join('\n'), next: end };
}

function readQuote(lines, at) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  return { kind: 'quote', text: lines.slice(at, end).map((line) => QUOTE.exec(line)[1]).join('\n'), next: end };
}

function isTable(lines, at) {
  if (!lines[at].includes('|') || !lines[at + 1]?.includes('-')) return false;
  const delimiters = cells(lines[at + 1]);
  return delimiters.every((cell) => /^:?-+:?$/.test(cell)) && cells(lines[at]).length === delimiters.length;
}

function readTable(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].trim() && lines[end].includes('|')) end += 1;
  const align = cells(lines[at + 1]).map((cell) => (cell.endsWith(':') ? (cell.startsWith(':') ? 'center' : 'right') : null));
  return { kind: 'table', head: cells(lines[at]), align, rows: lines.slice(at + 2, end).map(cells), next: end };
}

/** The texts between the bars of a row; a bar behind a backslash is text. */
function cells(line) {
  const found = line.trim().replaceAll('\\|', '\u0000').split('|');
  if (!found[0].trim()) found.shift();
  if (found.length > 1 && !found.at(-1).trim()) found.pop();
  return found.map((cell) => cell.replaceAll('\u0000', '|').trim());
}

/** The items of one list; whatever is indented below an item belongs to it. */
function readList(lines, at) {
  const first = ITEM.exec(lines[at]);
  const ordered = /\d/.test(first[2]);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const match = ITEM.exec(lines[end]);
    if (match && match[1].length < first[1].length + 2) {
      if (/\d/.test(match[2]) !== ordered || RULE.test(lines[end])) break;
      items.push([match[4]]);
    } else if (!lines[end].trim()) {
      if (!continues(lines, end, first[1].length, ordered)) break;
      items.at(-1).push('');
    } else if (match || /^ {2}/.test(lines[end])) {
      items.at(-1).push(lines[end].slice(Math.min(indentOf(lines[end]), first[1].length + first[2].length + 1)));
    } else if (lines[end - 1].trim() && !starts(lines, end)) items.at(-1).push(lines[end].trim());
    else break;
    end += 1;
  }
  return { kind: 'list', ordered, start: ordered ? Number.parseInt(first[2], 10) : 1, items: items.map((item) => item.join('\n')), next: end };
}

const indentOf = (line) => line.length - line.trimStart().length;

/** Whether a list goes on after an empty line. */
function continues(lines, at, indent, ordered) {
  const next = lines[at + 1] ?? '';
  const match = ITEM.exec(next);
  return match ? match[1].length > indent + 1 || /\d/.test(match[2]) === ordered : indentOf(next) >= indent + 2 && Boolean(next.trim());
}

const starts = (lines, at) =>
  FENCE.test(lines[at]) || HEADING.test(lines[at]) || RULE.test(lines[at]) || QUOTE.test(lines[at]) || isTable(lines, at);

function readParagraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !starts(lines, end) && !ITEM.test(lines[end])) end += 1;
  return { kind: 'paragraph', text: lines.slice(at, end).map((line) => line.trim()).join('\n'), next: end };
}

/** The element of a block. `context`: `cite` for citation marks, `say` for texts, `heading` the level of the last heading. */
export function element(block, context) {
  return MAKERS[block.kind](block, context);
}

const MAKERS = {
  paragraph: ({ text }, context) => h('p', {}, ...inline(text, context)),
  rule: () => h('hr'),
  code: ({ text }, { say }) => h('pre', { tabindex: '0', role: 'region', 'aria-label': say('code') }, h('code', {}, text)),
  heading({ level, text }, context) {
    // Levels follow each other below the dialog's own heading, whatever the answer began with.
    context.heading = Math.min(level + 2, (context.heading || 2) + 1, 6);
    return h(`h${context.heading}`, {}, ...inline(text, context));
  },
  quote: ({ text }, context) => h('blockquote', {}, ...inner(text, context)),
  list({ ordered, start, items }, context) {
    const made = items.map((item) => h('li', {}, ...unwrapped(inner(item, context))));
    return ordered ? h('ol', { start: start === 1 ? null : start }, ...made) : h('ul', {}, ...made);
  },
  table({ head, align, rows }, context) {
    const row = (tag, texts) => h('tr', {}, ...head.map((_, n) => h(tag, { class: align[n], scope: tag === 'th' && 'col' }, ...inline(texts[n] || '', context))));
    const table = h('table', {}, h('thead', {}, row('th', head)), h('tbody', {}, ...rows.map((texts) => row('td', texts))));
    return h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': context.say('table') }, table);
  },
};

function inner(text, context) {
  const depth = (context.nesting || 0) + 1;
  if (depth > DEPTH) return [text];
  const within = { ...context, nesting: depth };
  return blocks(text).map((block) => element(block, within));
}

/** The first paragraph of a list item stands without one. */
const unwrapped = ([first, ...rest]) => (first?.tagName === 'P' ? [...first.childNodes, ...rest] : [first, ...rest].filter(Boolean));
