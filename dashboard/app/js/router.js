// `#/sources/<id>/versions?tab=…` → pages/sources.html with js/pages/sources.js, and `$store.route.parts` ['<id>', 'versions'].

import { toast } from "./components/toasts.js";
import { loadTexts, t } from "./i18n.js";

const PUBLIC = new Set(["login", "sign-up", "reset"]);
const HOME = { in: "overview", out: "login" };

const registered = new Set();
const markup = new Map();
const parts = new Map();

let address = { parts: [], query: {} }; // of now; the store has it from the moment when its page is there
let isThere = false;

/** Registers the store `route` and the directive `x-page`, the element in which pages appear. */
export function install(Alpine) {
  Alpine.store("route", { page: null, parts: [], query: {}, missing: false });
  const route = Alpine.store("route");
  const session = Alpine.store("session");

  Alpine.directive("page", (element, _, { cleanup, effect }) => {
    let shown = null;
    let turn = 0; // one page may be wanted twice before it has come
    let arrived = null;
    const arrive = () => {
      arrived = shown;
      Object.assign(route, address);
      isThere = true;
    };
    effect(() => {
      const wanted = session.state === "unknown" ? null : target(route, session);
      if (wanted && wanted === arrived && wanted === shown) arrive(); // it is there already, at another address
      if (wanted === shown) return;
      shown = wanted;
      const mine = ++turn;
      if (!wanted) return;
      const isWanted = () => mine === turn;
      show(Alpine, element, wanted, isWanted, arrive).catch((error) => {
        if (isWanted()) shown = null; // the next click tries again
        toast(t("common.unreachable"), "bad");
        console.error(error);
      });
    });
    cleanup(() => empty(Alpine, element));
  });

  const follow = () => {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const [page = null, ...parts] = path.split("/").filter(Boolean).map(decoded);
    address = { parts, query: Object.fromEntries(new URLSearchParams(query)) };
    if (page === route.page && isThere) Object.assign(route, address);
    else isThere = false; // the page that is still shown must not take what is the next one's for its own
    route.page = page;
  };
  addEventListener("hashchange", follow);
  follow();
}

/** Goes to a page, so that the back button comes back; the same address again changes nothing. */
export function go(path, { replace = false } = {}) {
  if (replace) location.replace(`#/${path}`);
  else location.hash = `/${path}`;
}

function target(route, session) {
  const page = route.page;
  if (session.state === "out") return PUBLIC.has(page) ? page : HOME.out;
  if (page && (page === "reset" || !PUBLIC.has(page))) return page; // a link of a reset is for whoever opens it
  go(HOME.in, { replace: true }); // whoever has just logged in
  return HOME.in;
}

async function show(Alpine, element, name, isWanted, arrive) {
  element.setAttribute("aria-busy", "true");
  try {
    const html = await prepared(Alpine, /^[a-z-]+$/.test(name) ? name : "missing");
    if (!isWanted()) return;
    empty(Alpine, element);
    arrive();
    element.innerHTML = html; // our own file; Alpine sees it come and brings it to life
    await new Promise((resolve) => Alpine.nextTick(resolve));
    document.title = `${element.querySelector("h1")?.textContent || name} · MiniRAG`;
    element.focus({ preventScroll: true });
    scrollTo(0, 0);
  } finally {
    if (isWanted()) element.removeAttribute("aria-busy");
  }
}

function empty(Alpine, element) {
  for (const child of [...element.children]) Alpine.destroyTree(child);
  element.replaceChildren();
}

/** A page's markup, its texts and its code; what is not there is the page `missing`. */
async function prepared(Alpine, name) {
  if (!markup.has(name)) {
    const response = await fetch(`pages/${name}.html`);
    if (response.status === 404 && name !== "missing") return prepared(Alpine, "missing");
    if (!response.ok) throw new Error(`No page ${name}`);
    const [text, module] = await Promise.all([response.text(), import(`./pages/${name}.js`), loadTexts(name)]);
    const html = await whole(text);
    if (!registered.has(name)) Alpine.data(camel(name), module.default);
    for (const [part, component] of Object.entries(module.components || {})) Alpine.data(part, component);
    registered.add(name);
    markup.set(name, html);
  }
  await loadTexts(name);
  return markup.get(name);
}

/** What several pages show, or would make one page long, is a part: `<!-- part: sources/row -->` stands for parts/sources/row.html. */
async function whole(text) {
  const names = [...text.matchAll(/<!-- part: ([a-z/-]+) -->/g)].map((found) => found[1]);
  const found = await Promise.all(names.map((name) => part(name)));
  return names.reduce((html, name, i) => html.replace(`<!-- part: ${name} -->`, () => found[i]), text);
}

function part(name) {
  if (!parts.has(name)) {
    const asked = fetch(`parts/${name}.html`).then(async (response) => {
      if (!response.ok) throw new Error(`No part ${name}`);
      return whole(await response.text());
    });
    asked.catch(() => parts.delete(name)); // the next visit tries again
    parts.set(name, asked);
  }
  return parts.get(name);
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, and no encoding
  }
}

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
