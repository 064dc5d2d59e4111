// The dialog in which an endpoint is made or changed, and that shows its secret the one time that it is told.

import { patch, post } from "../../api.js";
import { copy } from "../../components/clipboard.js";
import { form } from "../../components/form.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";

const EVENTS = ["chat.message", "source.ingested", "source.failed"];
const EMPTY = { url: "", description: "", events: EVENTS, is_active: true, how: "made", secret: "" };

export const webhookForm = () => ({
  open: false,
  webhook: null,
  shownSecret: "",
  events: EVENTS,
  form: form(EMPTY, null),
  init() {
    this.form = form(EMPTY, (data) => this._send(data));
  },
  begin(webhook) {
    Object.assign(this, { webhook, shownSecret: "" });
    const { url, description, events, is_active } = webhook || EMPTY;
    this.form.reset({ url, description, events: [...events], is_active, how: webhook ? "kept" : "made" });
    this.open = true;
  },
  ways() {
    return this.webhook ? ["kept", "made", "own"] : ["made", "own"];
  },
  title() {
    if (this.shownSecret) return t("webhooks.secret");
    return t(this.webhook ? "webhooks.edit" : "webhooks.create");
  },
  copy() {
    return copy(this.shownSecret);
  },
  async save() {
    if (!(await this.form.submit())) return this.$nextTick(() => this.$root.querySelector("[aria-invalid]")?.focus());
    this.$dispatch("webhook-saved");
    if (!this.shownSecret) {
      this.open = false;
      toast(t("common.saved"));
    } else this.$nextTick(() => this.$refs.secret?.focus());
  },
  async _send({ how, secret, is_active, ...given }) {
    const sent = { ...given, ...(how === "own" ? { secret } : {}) };
    if (this.webhook) {
      if (how === "made") sent.rotate_secret = true;
      const changed = await patch(`/webhooks/${this.webhook.id}`, { ...sent, is_active });
      this.shownSecret = how === "made" ? changed.secret : "";
    } else {
      const made = await post("/webhooks", sent);
      this.shownSecret = how === "made" ? made.secret : "";
    }
  },
});
