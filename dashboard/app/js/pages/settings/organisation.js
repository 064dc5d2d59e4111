import { get, patch } from "../../api.js";
import { form } from "../../components/form.js";
import { loader } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";

export const organisation = () => ({
  tenant: loader(() => get("/tenants/me")),
  form: form({ tenant_name: "" }, async () => {}),
  async init() {
    this.form = form({ tenant_name: "" }, async (data) => this.renamed(await patch("/tenants/me", data)));
    this.$live(["tenant.updated"], () => this.load());
    await this.load();
  },
  async load() {
    await this.tenant.load();
    if (this.tenant.value) this.renamed(this.tenant.value);
  },
  renamed(tenant) {
    this.tenant.value = tenant;
    this.$store.session.tenant = tenant;
    this.form.data.tenant_name = tenant.name;
  },
  async submit() {
    if (await this.form.submit()) toast(t("common.saved"));
    else this.$nextTick(() => this.$root.querySelector("[aria-invalid], input")?.focus());
  },
});
