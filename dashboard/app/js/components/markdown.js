// Markdown of answers, as elements that can neither ask for anything nor run: `<div class="prose-answer" x-markdown="text">`.
// marked makes HTML, DOMPurify leaves text, lists, tables, code and links; images become their descriptions.

import DOMPurify from "../../vendor/purify.es.js";
import { marked } from "../../vendor/marked.esm.js";
import { safeUrl, saysTarget, targetOf } from "./links.js";

const TAGS = "p br strong em del code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 table thead tbody tr th td hr a".split(" ");

/** Characters that turn the direction of what follows can make a text look like another. */
const TRICKS = /[\u202a-\u202e\u2066-\u2069]/g;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  const url = safeUrl(node.getAttribute("href"));
  if (!url) return node.removeAttribute("href");
  node.setAttribute("href", url.href);
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
  node.setAttribute("title", url.href);
  if (!saysTarget(node.textContent, url)) node.append(` (${targetOf(url)})`);
});

let level = 1; // of the last heading: they follow one another below the page's own, whatever the answer began with

const renderer = {
  heading({ tokens, depth }) {
    level = Math.min(depth + 1, level + 1, 6);
    return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
  },
  image({ text, href }) {
    return escaped(text.trim() || href || "");
  },
  html({ text }) {
    return escaped(text);
  },
};
marked.use({ renderer, gfm: true, breaks: true });

/** A fragment that can be put into the page. */
export function rendered(text) {
  level = 1;
  return purifier.sanitize(marked.parse(text.replace(TRICKS, "")), {
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

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
