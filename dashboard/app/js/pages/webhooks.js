// `#/webhooks`: the endpoints; `#/webhooks/<id>`: what one was told; `#/webhooks/<id>/<delivery>`: one of these in full.

import Alpine from "../../vendor/alpine.esm.js";

import { webhookDelivery } from "./webhooks/delivery.js";
import { webhookForm } from "./webhooks/form.js";
import { webhookList } from "./webhooks/list.js";
import { webhookLog } from "./webhooks/log.js";
import { PYTHON } from "./webhooks/signature.js";

Alpine.data("webhookList", webhookList);
Alpine.data("webhookForm", webhookForm);
Alpine.data("webhookLog", webhookLog);
Alpine.data("webhookDelivery", webhookDelivery);

export default () => ({
  snippet: PYTHON,
  /** Id of the endpoint whose log is shown, or nothing. */
  get shown() {
    return this.$store.route.parts[0];
  },
  init() {
    this.$watch("shown", () => document.getElementById("main").focus()); // what had it may be gone
  },
});
