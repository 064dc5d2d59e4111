import { post } from "../api.js";
import { form } from "../components/form.js";
import { toast } from "../components/toasts.js";
import { t } from "../i18n.js";

export default () => ({
  form: form({ current_password: "", new_password: "" }, (data) => post("/auth/password", data)),
  async submit() {
    if (!(await this.form.submit())) return;
    this.form.reset();
    toast(t("account.changed"));
  },
});
