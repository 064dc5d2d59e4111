// The children of a source, page by page.

import { pager } from "../../components/loading.js";

export const children = () => ({
  list: pager("/sources"),
  init() {
    this.open();
    this.$watch("place.id", (id) => id && this.open());
    this.$watch("changed", () => this.list.again());
  },
  open() {
    this.list = pager(`/sources/${this.place.id}/children`);
    this.list.load();
  },
});
