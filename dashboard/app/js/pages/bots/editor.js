// The dialog in which a bot is made (`#/bots/new`) or changed (`#/bots/<id>/edit`).

import { get, patch, post } from "../../api.js";
import { copy } from "../../components/clipboard.js";
import { form } from "../../components/form.js";
import { loader } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";

const MODELS = ["minirag/extractive", "gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "gemini/gemini-2.0-flash"];
const OTHER = "other";
const SECRETS = ["credentials", "identity_secret"];

const EMPTY = {
  ...{ name: "", description: "", choice: "", model: "", system_prompt: "You are a helpful assistant." },
  ...{ temperature: 0.7, max_tokens: 1024, greeting: "", suggested_questions: "", credentials: "", identity_secret: "" },
};

export const botEditor = () => ({
  models: MODELS,
  secrets: SECRETS,
  bot: loader((id) => get(`/bot-profiles/${id}`)),
  id: null,
  keeping: {},
  form: form(EMPTY, async () => {}),
  get open() {
    const { parts } = this.$store.route;
    return parts[0] === "new" || parts[1] === "edit";
  },
  set open(value) {
    if (!value && this.open) go("bots");
  },
  init() {
    this.form = form(EMPTY, (data) => this.send(data));
    this.$watch("$store.route.parts", () => this.begin());
    this.begin();
  },
  async begin() {
    if (!this.open) return;
    const [first] = this.$store.route.parts;
    this.id = first === "new" ? null : first;
    this.keeping = {};
    this.form.reset();
    if (!this.id) return Object.assign(this.bot, { state: "ready", value: null });
    Object.assign(this.bot, { state: "loading", value: null });
    await this.bot.load(this.id);
    if (this.bot.state !== "ready") return;
    this.fill(this.bot.value);
    this.$nextTick(() => document.getElementById("bot-name")?.focus());
  },
  fill(bot) {
    const { name, description, model, system_prompt, temperature, max_tokens, greeting } = bot;
    this.keeping = { credentials: bot.has_credentials, identity_secret: bot.has_identity_secret };
    this.form.reset({
      ...{ name, description, system_prompt, temperature, max_tokens, greeting: greeting || "" },
      ...{ choice: MODELS.includes(model) ? model : OTHER, model, suggested_questions: bot.suggested_questions.join("\n") },
    });
  },
  async save() {
    if (!(await this.form.submit())) return this.$nextTick(() => this.$root.querySelector("[aria-invalid=true]")?.focus());
    toast(this.id ? t("common.saved") : t("bots.created"));
    this.$dispatch("changed");
    if (this.$store.route.page === "bots") go("bots"); // else the person is elsewhere by now
  },
  send(data) {
    const body = { ...data, model: data.choice === OTHER ? data.model.trim() : data.choice };
    delete body.choice;
    if (!body.model) delete body.model; // the operator's choice
    body.greeting = data.greeting.trim() || null;
    body.suggested_questions = data.suggested_questions.split("\n").map((line) => line.trim()).filter(Boolean);
    for (const name of SECRETS) {
      if (this.keeping[name] || (!data[name] && !this.wasSet(name))) delete body[name];
      else if (!data[name]) body[name] = null;
    }
    if (body.credentials) body.credentials = { api_key: body.credentials };
    return this.id ? patch(`/bot-profiles/${this.id}`, body) : post("/bot-profiles", body);
  },
  // Secrets are written and never read: what is set is kept until it is replaced or removed.
  wasSet(name) {
    return Boolean(this.bot.value?.[name === "credentials" ? "has_credentials" : "has_identity_secret"]);
  },
  release(name, isRemoved) {
    this.keeping[name] = false;
    this.form.data[name] = "";
    if (!isRemoved) this.$nextTick(() => document.getElementById(`bot-${name}`)?.focus());
  },
  retain(name) {
    this.keeping[name] = true;
    this.form.data[name] = "";
  },
  invent() {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    this.form.data.identity_secret = btoa(String.fromCharCode(...bytes)).replace(/\W/g, "").padEnd(40, "0");
  },
  copySecret() {
    return copy(this.form.data.identity_secret);
  },
});
