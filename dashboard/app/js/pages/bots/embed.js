// The dialog that puts a bot on a page (`#/bots/<id>/embed`): a key for it, and the snippet with that key.

import { all, get, post } from "../../api.js";
import { copy } from "../../components/clipboard.js";
import { form } from "../../components/form.js";
import { loader } from "../../components/loading.js";
import { tabKeys } from "../../components/tab-keys.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";

const TABS = ["script", "element", "styling"];
const NEW_KEY = { name: "", origins: "", visitor_rate: 20, daily_messages: 2000 };
const LOOK = { color: "#4f46e5", radius: 12, theme: "auto", position: "right" };

async function found(id) {
  const [bot, keys] = await Promise.all([get(`/bot-profiles/${id}`), all("/embed-keys")]);
  return { bot, keys: keys.filter((key) => key.bot_profile_id === id && key.is_active) };
}

export const botEmbed = () => ({
  tabs: TABS,
  tab: TABS[0],
  known: loader(found, { bot: null, keys: [] }),
  chosen: "",
  making: false,
  form: form(NEW_KEY, async () => {}),
  look: { ...LOOK },
  get open() {
    return this.$store.route.parts[1] === "embed";
  },
  set open(value) {
    if (!value && this.open) go("bots");
  },
  init() {
    this.form = form(NEW_KEY, (data) => this.send(data));
    this.$watch("$store.route.parts", () => this.begin());
    this.begin();
  },
  async begin() {
    if (!this.open) return;
    Object.assign(this, { tab: TABS[0], chosen: "", making: false, look: { ...LOOK } });
    this.form.reset();
    Object.assign(this.known, { state: "loading", value: { bot: null, keys: [] } });
    await this.known.load(this.$store.route.parts[0]);
    this.chosen = this.known.value.keys[0]?.id || "";
    this.making = this.known.state === "ready" && !this.chosen && this.$can("manage_embed_keys");
    this.$nextTick(() => document.getElementById(this.making ? "embed-origins" : "embed-key")?.focus());
  },
  // The key.
  keyOf() {
    return this.known.value.keys.find(({ id }) => id === this.chosen) || null;
  },
  labelOf(key) {
    return key.name ? `${key.name} (${key.origins.join(", ")})` : key.origins.join(", ");
  },
  limitsOf() {
    const key = this.keyOf();
    if (!key) return "";
    return t("bots.key.limits", { origins: key.origins.join(", "), rate: key.visitor_rate, day: key.daily_messages, today: key.messages_today });
  },
  async send({ name, origins, visitor_rate, daily_messages }) {
    const lines = origins.split(/[\s,]+/).filter(Boolean);
    const body = { bot_profile_id: this.known.value.bot.id, name, origins: lines, visitor_rate, daily_messages };
    const key = await post("/embed-keys", body);
    this.known.value.keys = [key, ...this.known.value.keys];
    this.chosen = key.id;
  },
  async make() {
    if (await this.form.submit()) this.making = false;
  },
  cancel() {
    this.form.reset();
    if (this.chosen) this.making = false;
    else this.open = false;
  },
  // The snippets.
  snippet() {
    const address = new URL("widget/minirag-widget.js", document.baseURI).href;
    const { key } = this.keyOf();
    const title = escaped(this.known.value.bot.name);
    const { color, radius, theme, position } = this.look;
    if (this.tab === "script") return [`<script`, `  src="${address}"`, `  data-embed-key="${key}"`, `  data-title="${title}"`, `  defer`, `></script>`].join("\n");
    const element = (more) => `<minirag-widget data-embed-key="${key}" data-title="${title}"${more}></minirag-widget>`;
    const script = `<script src="${address}" defer></script>`;
    if (this.tab === "element") return [script, element("")].join("\n");
    const more = `${theme === "auto" ? "" : ` data-theme="${theme}"`}${position === "right" ? "" : ` data-position="${position}"`}`;
    const style = ["<style>", "  minirag-widget {", `    --primary: ${color};`, `    --primary-hover: color-mix(in srgb, ${color} 85%, black);`, `    --radius: ${radius}px;`, "  }", "</style>"];
    return [script, element(more), ...style].join("\n");
  },
  copy() {
    return copy(this.snippet());
  },
  tabKeys,
});

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
