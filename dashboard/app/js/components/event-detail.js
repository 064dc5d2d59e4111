// One event in full: `...eventDetail()` in a component, `<!-- part: event-detail -->` in its markup, `open(event)` to show it.

import { copy } from "./clipboard.js";
import { actorOf, linksOf, sentence } from "./happened.js";

export const eventDetail = () => ({
  detail: null,
  open(event) {
    this.detail = event;
  },
  json() {
    return this.detail ? JSON.stringify(this.detail, null, 2) : "";
  },
  copyJson() {
    return copy(this.json());
  },
  actorOf,
  linksOf,
  sentence,
});
