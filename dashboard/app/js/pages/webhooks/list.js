import { del, get, post } from "../../api.js";
import { attempt } from "../../components/attempt.js";
import { calmly } from "../../components/calmly.js";
import { copy } from "../../components/clipboard.js";
import { confirm } from "../../components/confirm.js";
import { message, pager } from "../../components/loading.js";
import { t } from "../../i18n.js";

const CHANGES = ["webhook.created", "webhook.updated", "webhook.deleted"];

/** The endpoints, each with the outcome of the test that was just made. */
export const webhookList = () => ({
  list: pager("/webhooks"),
  testing: {},
  tests: {},
  init() {
    this.list.load();
    const again = calmly(() => this.list.again());
    this.$live(CHANGES, again, again);
  },
  copySnippet() {
    return copy(this.snippet);
  },
  async test(webhook) {
    this.testing[webhook.id] = true;
    delete this.tests[webhook.id];
    try {
      const { success, status_code } = await post(`/webhooks/${webhook.id}/test`);
      const text = success ? t("webhooks.test_good", { status: String(status_code) }) : await this._whyNot(webhook, status_code);
      this.tests[webhook.id] = { success, text };
    } catch (error) {
      this.tests[webhook.id] = { success: false, text: message(error) };
    } finally {
      delete this.testing[webhook.id];
    }
  },
  /** The log knows why, in a sentence. */
  async _whyNot(webhook, status) {
    const newest = await get(`/webhooks/${webhook.id}/deliveries`, { limit: 10 });
    const reason = newest.find((delivery) => delivery.event === "test.ping")?.reason || "";
    return status ? t("webhooks.test_refused", { status: String(status) }) : t("webhooks.test_bad", { reason });
  },
  async remove(webhook) {
    const text = t("webhooks.delete_text", { url: webhook.url });
    if (!(await confirm({ title: t("webhooks.delete_title"), text, action: t("common.delete"), danger: true }))) return;
    if (await attempt(() => del(`/webhooks/${webhook.id}`), t("webhooks.deleted"))) await this.list.again();
  },
});
