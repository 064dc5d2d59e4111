// Markdown of answers, as elements that can neither ask for anything nor run: `<div class="prose-answer" x-markdown="text">`.
// marked makes HTML, DOMPurify leaves text, lists, tables, code and links; images become their descriptions.

import DOMPurify from "../../vendor/purify.es.js";
import { marked } from "../../vendor/marked.esm.js";

const TAGS = "p br strong em del code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 table thead tbody tr th td hr a".split(" ");

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  const target = safe(node.getAttribute("href"));
  if (!target) return node.removeAttribute("href");
  node.setAttribute("href", target.href);
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
  node.setAttribute("title", target.href);
  if (target.host && !node.textContent.includes(target.host)) node.append(` (${target.host})`);
});

const renderer = {
  image({ text, href }) {
    return escaped(text || href || "");
  },
  html({ text }) {
    return escaped(text);
  },
};
marked.use({ renderer, gfm: true, breaks: true });

/** A fragment that can be put into the page. */
export function rendered(text) {
  return purifier.sanitize(marked.parse(text), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "start", "align"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

export function install(Alpine) {
  Alpine.directive("markdown", (element, { expression }, { evaluateLater, effect }) => {
    const read = evaluateLater(expression);
    effect(() => read((text) => element.replaceChildren(rendered(text || ""))));
  });
}

function safe(href) {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url : null;
  } catch {
    return null; // not a whole address, and it would lead into the dashboard
  }
}

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
