import Alpine from "../../vendor/alpine.esm.js";

import { config } from "../components/config.js";
import { form } from "../components/form.js";
import { logIn } from "../session.js";

export default () => ({
  signUp: "closed",
  which: false,
  form: form({ email: "", password: "", tenant_slug: "" }, ({ tenant_slug, ...given }) =>
    logIn(Alpine, tenant_slug ? { ...given, tenant_slug } : given),
  ),
  async init() {
    this.signUp = (await config()).sign_up;
  },
  async submit() {
    if (await this.form.submit()) return;
    if (this.form.error && !this.which) this.which = this.form.status === 409; // the same address in more than one organisation
    this.$nextTick(() => (this.$root.querySelector("[aria-invalid]") || this.$root.querySelector("#email")).focus());
  },
});
