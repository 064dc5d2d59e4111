import { del, post } from "../../api.js";
import { attempt } from "../../components/attempt.js";
import { copy } from "../../components/clipboard.js";
import { confirm } from "../../components/confirm.js";
import { form } from "../../components/form.js";
import { pager } from "../../components/loading.js";
import { t } from "../../i18n.js";

const DAY = 86400000;

/** The list of API tokens, and the dialog that makes one. */
export const apiTokens = () => ({
  list: pager("/api-tokens"),
  creating: false,
  raw: "",
  form: form({ name: "", scoped: false, scopes: [], days: "" }, async () => {}),
  init() {
    this.form = form({ name: "", scoped: false, scopes: [], days: "" }, async ({ name, scoped, scopes, days }) => {
      const expires_at = days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null;
      const made = await post("/api-tokens", { name, scopes: scoped ? scopes : null, expires_at });
      this.raw = made.raw_token;
    });
    this.list.load();
    const again = () => this.list.again();
    this.$live(["token."], again, again);
  },
  begin() {
    this.form.reset();
    this.raw = "";
    this.creating = true;
  },
  async create() {
    if (await this.form.submit()) await this.list.again();
  },
  copy() {
    return copy(this.raw);
  },
  stateOf(token) {
    if (!token.is_active) return "revoked";
    return token.expires_at && new Date(token.expires_at) < new Date() ? "expired" : "active";
  },
  scopesOf(token) {
    return token.scopes ? token.scopes.map((scope) => t(`tokens.api.scopes.${scope}`)).join(", ") : t("tokens.api.everything");
  },
  async revoke(token) {
    const sure = { title: t("tokens.api.revoke_title"), text: t("tokens.api.revoke_text", { name: token.name }), action: t("tokens.api.revoke"), danger: true };
    if (!(await confirm(sure))) return;
    if (await attempt(() => del(`/api-tokens/${token.id}`), t("tokens.api.revoked"))) await this.list.again();
  },
});
