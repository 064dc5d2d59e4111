// Texts by key, in the language of the person: `$t('tokens.title')`, `$t('common.retry_in', {count: 3})`.
// The first part of a key names its file, locales/<language>/<file>.json; a count chooses `<key>.one`, `<key>.other` …

import { keep, recall } from "./storage.js";

export const LANGUAGES = ["en", "de"];

const texts = {};
const needed = new Set(); // files that were ever asked for, also those that are still on their way
let store = null;

/** Registers `$t` and the store `i18n`, whose `language` everything that shows text reads. */
export function install(Alpine) {
  Alpine.store("i18n", { language: chosen(), version: 0 });
  store = Alpine.store("i18n");
  document.documentElement.lang = store.language;
  Alpine.magic("t", () => t);
}

/** The text of a key; the key itself where there is none, which a test finds. */
export function t(key, values = {}) {
  store.version; // whoever shows a text shows it again when another file has come
  const file = texts[`${store.language}/${key.split(".")[0]}`];
  const rule = "count" in values ? new Intl.PluralRules(store.language).select(values.count) : null;
  const text = file?.[rule ? `${key}.${rule}` : key] ?? (rule ? file?.[`${key}.other`] : undefined);
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

/** Whether there is a text. */
export function has(key) {
  return texts[`${store.language}/${key.split(".")[0]}`]?.[key] !== undefined;
}

/** Makes sure that the texts of a file are there, in the language of now. */
export async function loadTexts(...files) {
  files.forEach((file) => needed.add(file));
  const missing = files.filter((file) => !(`${store.language}/${file}` in texts));
  await Promise.all(missing.map((file) => load(store.language, file)));
}

/** Speaks another language from now on. */
export async function speak(language) {
  const missing = () => [...needed].filter((file) => !(`${language}/${file}` in texts));
  while (missing().length) await Promise.all(missing().map((file) => load(language, file))); // a page may come to need another one
  store.language = language;
  document.documentElement.lang = language;
  keep("language", language);
}

export const language = () => store.language;

async function load(language, file) {
  const response = await fetch(`locales/${language}/${file}.json`);
  if (!response.ok) throw new Error(`No texts ${language}/${file}`);
  texts[`${language}/${file}`] = flat(await response.json(), file);
  store.version += 1;
}

function flat(tree, prefix) {
  return Object.entries(tree).reduce(
    (all, [name, value]) =>
      Object.assign(all, typeof value === "string" ? { [`${prefix}.${name}`]: value } : flat(value, `${prefix}.${name}`)),
    {},
  );
}

function shown(value) {
  return typeof value === "number" ? new Intl.NumberFormat(store.language).format(value) : String(value);
}

function chosen() {
  const wanted = [recall("language"), ...navigator.languages.map((name) => name.slice(0, 2))];
  return wanted.find((name) => LANGUAGES.includes(name)) || "en";
}
