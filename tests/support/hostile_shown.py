"""What an answer may consist of once it is shown, in the widget and in the dashboard."""

from playwright.async_api import Locator

# Looks at everything within an element: `problems(element)` gives one text for each thing that is not allowed there.
LOOK = r"""
(root) => {
  const TAGS = new Set(('P BR STRONG EM S DEL CODE PRE UL OL LI BLOCKQUOTE H1 H2 H3 H4 H5 H6 TABLE THEAD TBODY TR TH TD HR A ' +
    'SPAN DIV BUTTON').split(' '));
  const CLASSES = new Set(['target', 'table', 'cite', 'center', 'right', 'left']);
  const ATTRIBUTES = {
    A: ['href', 'target', 'rel', 'title'], BUTTON: ['type', 'part', 'aria-label', 'title', 'class'], OL: ['start'],
    PRE: ['tabindex', 'role', 'aria-label'], DIV: ['class', 'tabindex', 'role', 'aria-label'], SPAN: ['class'],
    TH: ['class', 'scope', 'align'], TD: ['class', 'align'],
  };
  const FIXED = {role: ['region'], tabindex: ['0'], type: ['button'], part: ['citation'], align: ['left', 'center', 'right'],
    target: ['_blank'], scope: ['col']};
  const problems = [];
  const say = (element, what) => problems.push(`${what}: ${element.outerHTML.slice(0, 300)}`);
  for (const element of root.querySelectorAll('*')) {
    if (!TAGS.has(element.tagName) || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') say(element, 'an element');
    if (element.shadowRoot) say(element, 'a shadow');
    for (const {name, value} of element.attributes) {
      if (!(ATTRIBUTES[element.tagName] || []).includes(name)) say(element, `the attribute ${name}`);
      if (FIXED[name] && !FIXED[name].includes(value)) say(element, `the value of ${name}`);
      if (name === 'class' && !CLASSES.has(value)) say(element, 'a class');
    }
    if (element.tagName === 'A' && element.hasAttribute('href')) link(element);
  }
  function link(a) {
    const url = new URL(a.getAttribute('href'));  // throws where it is not whole
    if (!['http:', 'https:', 'mailto:'].includes(url.protocol)) say(a, 'a scheme');
    if (url.username || url.password) say(a, 'somebody before the host');
    if (a.target !== '_blank' || !a.relList.contains('noopener') || !a.relList.contains('noreferrer')) say(a, 'a relation');
    const shown = a.textContent.trim().toLowerCase();
    const target = url.protocol === 'mailto:' ? decodeURIComponent(url.pathname) : url.host.replace(/^www\./, '');
    const bare = shown.replace(/^(https?:\/\/|mailto:)/, '').replace(/^www\./, '');
    const says = bare === target || (!/\s/.test(bare) && bare.startsWith(target + '/')) || shown.endsWith(`(${target})`);
    if (!says) say(a, `no visible target (${target})`);
  }
  return problems;
}
"""

# Everything a reader may do short of following a link: pointing at all, focussing all.
TOUCH = """
async (root) => {
  for (const element of root.querySelectorAll('*')) {
    for (const kind of ['pointerover', 'pointerenter', 'mouseover', 'mouseenter', 'mousemove', 'touchstart'])
      element.dispatchEvent(new Event(kind, {bubbles: true, composed: true}));
    if (element.matches('a, button, [tabindex], summary, input, textarea')) element.focus({preventScroll: true});
  }
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}
"""


async def problems(shown: Locator) -> list[str]:
    """What is in these elements and may not be."""
    found = await shown.evaluate_all(f"(all) => all.flatMap({LOOK})")
    return [str(one) for one in found]


# What is nowhere in our pages: elements that ask for things or run, attributes that run, styles and addresses that ask.
STRANGE = r"""
(root) => [...root.querySelectorAll('*')].filter((element) =>
  element.matches('img:not([src="icon.svg"]), image, picture, iframe, frame, object, embed, video, audio, base, meta, math, ' +
    'foreignObject, use, animate, set, marquee, portal, area, style, script, link:not([rel=stylesheet])') ||
  [...element.attributes].some(({name, value}) =>
    /^(on|srcdoc$|srcset$|formaction$|ping$|background$|poster$)/.test(name) ||
    (name === 'style' && /url|image|import/.test(value)) ||
    (/^(xlink:)?(href|src|action|data)$/.test(name) && !/^(https?:|mailto:|#|icon\.svg$)/.test(value)))
).map((element) => element.outerHTML.slice(0, 300))
"""

# Links to sources that do not say beside their title where they lead, or open as they should not.
UNSAID = """(all) => all.flatMap((entry) => [...entry.querySelectorAll('a')].filter((link) =>
  !/^https?:$/.test(link.protocol) || !entry.textContent.includes(link.host) || !link.relList.contains('noopener')
).map((link) => link.outerHTML))"""


async def unsaid(entries: Locator) -> list[str]:
    """The links in these entries of a list of sources that are not as they should be."""
    return [str(one) for one in await entries.evaluate_all(UNSAID)]
