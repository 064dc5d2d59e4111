import Alpine from "../../vendor/alpine.esm.js";

import { del, patch, post } from "../api.js";
import { attempt } from "../components/attempt.js";
import { calmly } from "../components/calmly.js";
import { confirm } from "../components/confirm.js";
import { pager } from "../components/loading.js";
import { toast } from "../components/toasts.js";
import { t } from "../i18n.js";
import { resume } from "../session.js";
import { userForm } from "./users/form.js";
import { resetLink } from "./users/link.js";

const CHANGES = ["user.created", "user.updated", "user.role.", "user.activated", "user.deactivated"];

Alpine.data("userForm", userForm);
Alpine.data("resetLink", resetLink);

export default () => ({
  list: pager("/users"),
  init() {
    this.list.load();
    const again = calmly(() => this.list.again());
    this.$live(CHANGES, again, again);
  },
  isMe(user) {
    return user.id === this.$store.session.user?.id;
  },
  /** Only owners lay hands on owners. */
  mayChange(user) {
    return this.$can("manage_users") && (user.role !== "owner" || this.$store.session.user.role === "owner");
  },
  nameOf(user) {
    return user.display_name || user.email;
  },
  /** After a change: oneself may be allowed something else now. */
  async changed(user) {
    if (user && this.isMe(user)) await resume(Alpine);
    if (this.$can("read_users")) await this.list.again();
  },
  giveLink(user) {
    return attempt(async () => {
      const { reset_token, expires_at } = await post(`/users/${user.id}/password-reset`);
      this.$dispatch("reset-link", { user, token: reset_token, expires: expires_at });
    });
  },
  async deactivate(user) {
    const text = t(this.isMe(user) ? "users.deactivate_me" : "users.deactivate_text", { name: this.nameOf(user) });
    if (!(await confirm({ title: t("users.deactivate_title"), text, action: t("users.deactivate"), danger: true }))) return;
    await attempt(async () => {
      await del(`/users/${user.id}`);
      toast(t("users.deactivated", { name: this.nameOf(user) }));
      await this.changed(user);
    });
  },
  activate(user) {
    return attempt(async () => {
      await patch(`/users/${user.id}`, { is_active: true });
      toast(t("users.activated", { name: this.nameOf(user) }));
      await this.list.again();
    });
  },
});
