import Alpine from "../../vendor/alpine.esm.js";

import { config } from "../components/config.js";
import { form } from "../components/form.js";
import { signUp } from "../session.js";

/** A name as the short one that addresses use. */
export const slugOf = (name) =>
  name
    .normalize("NFKD")
    .replace(/ß/g, "ss")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 100);

export default () => ({
  mode: "open",
  ownSlug: false,
  form: form({ tenant_name: "", tenant_slug: "", owner_email: "", owner_password: "", invite: "" }, (data) => signUp(Alpine, data)),
  async init() {
    this.mode = (await config()).sign_up;
    this.form.data.invite = this.$store.route.query.invite || "";
  },
  named() {
    if (!this.ownSlug) this.form.data.tenant_slug = slugOf(this.form.data.tenant_name);
  },
  async submit() {
    if (!(await this.form.submit())) this.$nextTick(() => (this.$root.querySelector("[aria-invalid]") || this.$root.querySelector("input")).focus());
  },
});
