// The script of a page: defines the element, and adds one where the script's own tag says which bot answers.

import { HOME, MiniragWidget } from './element.js';

const tag = document.currentScript || document.querySelector('script[src*="minirag-widget"]');

function insert() {
  const element = document.createElement('minirag-widget');
  for (const { name, value } of tag.attributes) if (name.startsWith('data-')) element.setAttribute(name, value);
  document.body.append(element);
}

if (!customElements.get('minirag-widget')) {
  customElements.define('minirag-widget', MiniragWidget);
  const { embedKey, botId, apiToken } = (HOME && tag?.dataset) || {};
  if (embedKey || (botId && apiToken)) {
    if (document.body) insert();
    else addEventListener('DOMContentLoaded', insert, { once: true });
  }
}
