// Copying: `copy(text)`; it says so, or lets the person copy by hand.

import { t } from "../i18n.js";
import { toast } from "./toasts.js";

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("common.copied"));
  } catch {
    toast(t("common.copy_by_hand"), "bad"); // without https, or not permitted
  }
}
