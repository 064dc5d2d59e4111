// What is around every page.

import { logOut } from "../session.js";
import { t } from "../i18n.js";
import { message } from "./loading.js";
import { toast } from "./toasts.js";

/** Page, icon, and the permission without which it is not shown. */
const PAGES = [
  ["overview", null],
  ["bots", "read_bots"],
  ["sources", "read_sources"],
  ["chats", "read_chats"],
  ["analytics", "read_stats"],
  ["webhooks", "read_webhooks"],
  ["tokens", "read_tokens"],
  ["users", "read_users"],
  ["events", "read_events"],
  ["settings", null],
];

export const shell = (Alpine) => () => ({
  menu: false,
  entries() {
    return PAGES.filter(([, permission]) => !permission || this.$can(permission)).map(([page]) => ({
      page,
      icon: page,
      href: `#/${page}`,
      label: `common.pages.${page}`,
    }));
  },
  isHere(entry) {
    return (this.$store.route.page || "overview") === entry.page;
  },
  whereAmI() {
    const { tenant, user } = this.$store.session;
    return `${tenant.name} · ${t(`common.roles.${user.role}`)}`;
  },
  skip() {
    document.getElementById("main")?.focus();
  },
  openMenu() {
    this.menu = true;
    this.$nextTick(() => document.querySelector("#menu a")?.focus());
  },
  closeMenu() {
    this.menu = false;
  },
  shortcut(event) {
    if (event.key === "Escape" && this.menu) this.closeMenu();
  },
  async logOut() {
    try {
      await logOut(Alpine);
    } catch (error) {
      toast(message(error), "bad");
    }
  },
});
