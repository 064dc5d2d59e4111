// Who is logged in: the store `session`. The credential itself is in a cookie that no script can read.

import { ApiError, post, renewed, request, setCsrf, watch } from "./api.js";
import { keep, recall } from "./storage.js";

/** Registers the stores `session` and `busy`, and `$can('manage_bots')`. */
export function install(Alpine) {
  Alpine.store("session", { state: "unknown", user: null, tenant: null, permissions: [], ended: false, firstToken: null });
  Alpine.store("busy", { count: 0, visible: false });
  const session = Alpine.store("session");
  const busy = Alpine.store("busy");
  watch({
    loggedOut: () => {
      if (session.state === "in") leave(session, true);
    },
    busy: (change) => {
      busy.count += change;
      if (busy.count > 0) setTimeout(() => (busy.visible = busy.count > 0), 300);
      else busy.visible = false;
    },
  });
  addEventListener("storage", ({ key, newValue }) => {
    if (key === "minirag.user" && session.user && newValue !== session.user.id) location.reload(); // another tab is somebody else
  });
  Alpine.magic("can", () => (permission) => session.permissions.includes(permission));
}

/** Whether a cookie of an earlier visit still counts: at every load of the page, and when one's own account has changed. */
export async function resume(Alpine) {
  const session = Alpine.store("session");
  if (recall("visited", "no", "yes") === "no") return leave(session); // nobody was logged in here: nothing to ask
  try {
    const known = await renewed();
    if (known) enter(session, known);
    else leave(session);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (session.state !== "in") session.state = "out"; // nobody can tell: the login page says what is wrong when it is tried
  }
}

export async function logIn(Alpine, credentials) {
  enter(Alpine.store("session"), await (await request("POST", "/auth/browser", { body: credentials, once: true })).json());
}

/** An organisation of one's own, and into it. */
export async function signUp(Alpine, form) {
  const { tenant_name, tenant_slug, owner_email, owner_password, invite } = form;
  const made = await post("/tenants", { tenant_name, tenant_slug, owner_email, owner_password, ...(invite ? { invite } : {}) }, { once: true });
  Alpine.store("session").firstToken = made.api_token;
  await logIn(Alpine, { email: owner_email, password: owner_password, tenant_slug });
}

/** Ends the login. One whose hour is over is renewed to be ended: its cookies would bring it back. Raises ApiError where it goes on. */
export async function logOut(Alpine) {
  try {
    await request("DELETE", "/auth/browser");
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  leave(Alpine.store("session"));
}

function enter(session, { user, tenant, permissions, csrf_token }) {
  setCsrf(csrf_token);
  keep("visited", "yes");
  keep("user", user.id);
  Object.assign(session, { user, tenant, permissions, ended: false, state: "in" });
}

function leave(session, ended = false) {
  setCsrf(null);
  keep("visited", "no");
  Object.assign(session, { user: null, tenant: null, permissions: [], firstToken: null, ended, state: "out" });
}
