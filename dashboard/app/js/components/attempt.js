// What is done by one press of a button, and said.

import { message } from "./loading.js";
import { toast } from "./toasts.js";

/** Does something and says `said` (a text, or what makes one of the answer), or what went wrong. Whether it worked. */
export async function attempt(act, said) {
  try {
    const answer = await act();
    if (said) toast(typeof said === "function" ? said(answer) : said);
    return true;
  } catch (error) {
    toast(message(error), "bad");
    return false;
  }
}
