// The children of a source, page by page.

import { pager } from "../../components/loading.js";

export const children = () => ({
  list: pager("/sources"),
  init() {
    this.open();
    this.$watch("place.id", (id) => id && this.open());
    this.$watch("changed", () => this.list.load({ limit: Math.min(200, Math.max(50, this.list.rows.length)) }));
  },
  open() {
    this.list = pager(`/sources/${this.place.id}/children`);
    this.list.load();
  },
});
