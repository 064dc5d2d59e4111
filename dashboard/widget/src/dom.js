// Elements are made by name and text only: nothing here or anywhere in the widget parses markup.

/** An element with attributes, listeners (functions) and children (nodes or strings); null, undefined and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets or removes attributes. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : value);
  }
}

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  chat: 'M20 11.5a7.5 7.5 0 0 1-7.5 7.5c-1.3 0-2.5-.3-3.6-.9L4 19.5l1.4-4.6A7.5 7.5 0 1 1 20 11.5z',
  question: 'M9.2 9a3 3 0 1 1 4.3 2.7c-1 .5-1.5 1.2-1.5 2.3M12 17.5v.01',
  spark: 'M12 3.5l2 5.5 5.5 2-5.5 2-2 5.5-2-5.5-5.5-2 5.5-2zM18.5 16.5v4M16.5 18.5h4',
  down: 'M6 9.5l6 6 6-6',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  plus: 'M20 12.5V18a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h5.5M17.7 3.8a1.7 1.7 0 0 1 2.5 2.5L13 13.5l-3 .5.5-3z',
  send: 'M12 19V5.5M6 11.5l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  up: 'M7 10.5v9H4.5v-9zM7 18.5c3 1 4 1 6 1h2.5c1 0 1.800-.6 2-1.600l1.300-5.600c.3-1.300-.6-2.300-1.800-2.300H13.500l.6-3.600c.2-1.400-.5-2.400-1.900-2.400L7 10.500',
  bad: 'M17 13.500v-9h2.500v9zM17 5.500c-3-1-4-1-6-1H8.500c-1 0-1.800.6-2 1.600L5.200 11.700c-.3 1.300.6 2.300 1.800 2.300H10.500l-.6 3.600c-.2 1.400.5 2.400 1.900 2.400L17 13.500',
};

/** A decorative line drawing of 24 × 24. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  set(svg, { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true', focusable: 'false' });
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

export const isIcon = (name) => Object.hasOwn(PATHS, name);

/** A button that shows only a drawing and is called by its label. */
export function iconButton(name, label, click, attributes = {}) {
  return h('button', { type: 'button', 'aria-label': label, title: label, click, ...attributes }, icon(name));
}
