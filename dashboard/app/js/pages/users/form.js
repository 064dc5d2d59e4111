// The dialog in which a user is made or changed: `edit-user` with a user, or with null for a new one.

import { patch, post } from "../../api.js";
import { form } from "../../components/form.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";

const EMPTY = { email: "", display_name: "", role: "member", entry: "link", password: "" };
const SECRET_BYTES = 32;

export const userForm = () => ({
  open: false,
  user: null,
  form: form(EMPTY, null),
  init() {
    this.form = form(EMPTY, (data) => (this.user ? this._change(data) : this._make(data)));
  },
  begin(user) {
    this.user = user;
    this.form.reset(user ? { email: user.email, display_name: user.display_name, role: user.role } : {});
    this.open = true;
  },
  mayMakeOwners() {
    return this.$store.session.user.role === "owner";
  },
  async submit() {
    if (await this.form.submit()) this.open = false;
    else this.$nextTick(() => this.$root.querySelector("[aria-invalid]")?.focus());
  },
  async _make({ email, display_name, role, entry, password }) {
    const byLink = entry === "link";
    const user = await post("/users", { email, display_name, role, password: byLink ? nobodysPassword() : password });
    toast(t("users.made", { name: user.display_name || user.email }));
    this.$dispatch("user-changed", { user });
    if (byLink) this.$dispatch("user-made", { user });
  },
  async _change(data) {
    const changed = ["email", "display_name", "role"].filter((name) => data[name] !== this.user[name]);
    if (!changed.length) return;
    const user = await patch(`/users/${this.user.id}`, Object.fromEntries(changed.map((name) => [name, data[name]])));
    toast(t("common.saved"));
    this.$dispatch("user-changed", { user });
  },
});

/** Where the user chooses a password by a link, the first one is known to nobody. */
function nobodysPassword() {
  return Array.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
