// The dialog that shows the link by which a user chooses a password, once.

import { copy } from "../../components/clipboard.js";

export const resetLink = () => ({
  open: false,
  user: { email: "", display_name: "" },
  link: "",
  expires: null,
  show({ user, token, expires }) {
    Object.assign(this, { user, expires, link: `${location.origin}${location.pathname}#/reset?token=${encodeURIComponent(token)}`, open: true });
  },
  copy() {
    return copy(this.link);
  },
  close() {
    Object.assign(this, { open: false, link: "" });
  },
});
