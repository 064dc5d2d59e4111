import { post } from "../api.js";
import { form } from "../components/form.js";

export default () => ({
  done: false,
  form: form({ new_password: "" }, null),
  init() {
    const { token = "" } = this.$store.route.query;
    this.form = form({ new_password: "" }, (data) => post("/auth/password-reset", { ...data, reset_token: token }, { once: true }));
  },
  async submit() {
    this.done = await this.form.submit();
  },
});
