import { all, del, patch, post } from "../../api.js";
import { attempt } from "../../components/attempt.js";
import { copy } from "../../components/clipboard.js";
import { confirm } from "../../components/confirm.js";
import { form } from "../../components/form.js";
import { message, pager } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";

const EMPTY = { bot_profile_id: "", name: "", origins: "", daily_messages: "2000", visitor_rate: "20", session_minutes: "60" };
const SHOWN = 12;

/** The list of embed keys, and the dialog in which one is made or changed. */
export const embedKeys = () => ({
  list: pager("/embed-keys"),
  bots: null,
  editing: false,
  chosen: null,
  form: form(EMPTY, null),
  init() {
    this.form = form(EMPTY, (data) => this._send(data));
    this.load();
    const again = () => this.list.again();
    this.$live(["embed_key."], again, again);
  },
  async load() {
    await Promise.all([this.list.load(), this._loadBots()]);
  },
  async _loadBots() {
    try {
      this.bots = await all("/bot-profiles");
      this.form.data.bot_profile_id ||= this._firstBot(); // the dialog may be open already, and shows the first as chosen
    } catch (error) {
      toast(message(error), "bad");
    }
  },
  _firstBot() {
    return this.bots?.[0]?.id ?? "";
  },
  hasBots() {
    return this.bots === null || this.bots.length > 0;
  },
  botOf(key) {
    return this.bots?.find((bot) => bot.id === key.bot_profile_id)?.name ?? (this.bots ? t("tokens.embed.bot_gone") : "–");
  },
  shortOf: (key) => `${key.key.slice(0, SHOWN)}…`,
  nameOf: (key) => key.name || `${key.key.slice(0, SHOWN)}…`,
  copy: (key) => copy(key.key),
  begin(key) {
    this.chosen = key;
    const { origins, ...rest } = key || { origins: [], bot_profile_id: this._firstBot() };
    const known = Object.entries(rest).filter(([name]) => name in EMPTY);
    this.form.reset({ ...Object.fromEntries(known.map(([name, value]) => [name, String(value)])), origins: origins.join("\n") });
    this.editing = true;
  },
  async save() {
    if (await this.form.submit()) {
      this.editing = false;
      await this.list.again();
    } else this.$nextTick(() => this.$root.querySelector("dialog [aria-invalid]")?.focus());
  },
  async _send({ bot_profile_id, name, origins, ...numbers }) {
    const given = {
      name,
      origins: origins.split(/[\s,]+/).filter(Boolean),
      ...Object.fromEntries(Object.entries(numbers).map(([field, value]) => [field, value === "" ? null : Number(value)])),
    };
    if (this.chosen) await patch(`/embed-keys/${this.chosen.id}`, given);
    else await post("/embed-keys", { ...given, bot_profile_id });
    toast(this.chosen ? t("common.saved") : t("tokens.embed.made"));
  },
  async revoke(key) {
    const text = t("tokens.embed.revoke_text", { name: this.nameOf(key) });
    if (!(await confirm({ title: t("tokens.embed.revoke_title"), text, action: t("tokens.embed.revoke"), danger: true }))) return;
    if (await attempt(() => del(`/embed-keys/${key.id}`), t("tokens.embed.is_revoked"))) await this.list.again();
  },
});
