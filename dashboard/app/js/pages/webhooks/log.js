import { get } from "../../api.js";
import { calmly } from "../../components/calmly.js";
import { loader, pager } from "../../components/loading.js";

const BADGES = { scheduled: "badge-busy", succeeded: "badge-good", failed: "badge-bad" };

/** What one endpoint was told, newest first; it grows as it happens. */
export const webhookLog = () => ({
  id: null,
  webhook: loader(null),
  list: pager(""),
  init() {
    this.id = this.shown;
    this.webhook = loader(() => get(`/webhooks/${this.id}`));
    this.list = pager(`/webhooks/${this.id}/deliveries`, 25);
    this.load();
    const again = calmly(() => this.list.again());
    this.$live(["webhook.delivery."], (_, event) => event.data.webhook_id === this.id && again(), again);
  },
  load() {
    this.webhook.load();
    this.list.load();
  },
  badgeOf: (delivery) => BADGES[delivery.state],
  addressOf(delivery) {
    return `#/webhooks/${this.id}/${delivery.id}`;
  },
});
