import { get, post } from "../../api.js";
import { attempt } from "../../components/attempt.js";
import { calmly } from "../../components/calmly.js";
import { loader } from "../../components/loading.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";

/** One delivery with its calls, in a dialog that has an address of its own. */
export const webhookDelivery = () => ({
  delivery: loader(null),
  busy: false,
  init() {
    this.delivery = loader((id) => get(`/webhooks/${this.$store.route.parts[0]}/deliveries/${id}`));
    this.$watch("chosen", () => this._show());
    this._show();
    const again = calmly(() => this.chosen && this.delivery.load(this.chosen));
    this.$live(["webhook.delivery."], (_, event) => event.data.delivery_id === this.chosen && again(), again);
  },
  get chosen() {
    return this.$store.route.parts[1];
  },
  get open() {
    return Boolean(this.chosen);
  },
  set open(value) {
    if (!value && this.chosen) go(`webhooks/${this.$store.route.parts[0]}`);
  },
  mayRepeat() {
    const { value } = this.delivery;
    return this.$can("manage_webhooks") && value && value.state !== "scheduled" && !value.expired;
  },
  outcomeOf(attempt) {
    if (attempt.error) return attempt.error;
    return attempt.status_code ? t("webhooks.answered", { status: String(attempt.status_code) }) : t("webhooks.running");
  },
  async repeat() {
    this.busy = true;
    const again = () => post(`/webhooks/${this.$store.route.parts[0]}/deliveries/${this.chosen}/redeliver`);
    if (await attempt(again, t("webhooks.repeated"))) await this.delivery.load(this.chosen);
    this.busy = false;
  },
  _show() {
    if (!this.chosen) return;
    Object.assign(this.delivery, { state: "loading", value: null });
    this.delivery.load(this.chosen);
  },
});
