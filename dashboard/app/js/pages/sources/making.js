// Making sources of what a form says, and having them read. A request that is repeated with the same body makes nothing twice.

import { post } from "../../api.js";
import { form } from "../../components/form.js";
import { message } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";
import { readAgain } from "./actions.js";
import { draft } from "./drafts.js";
import { unique } from "../../unique.js";

/**
 * Part of a component that adds something: `fields` is what its form begins with, `bodyOf(data, common)` makes {path, body} of it, where
 * `common` has the bot and the schedule. `beforehand(data)` may refuse with {field: sentence}.
 */
export function making(name, fields, bodyOf, beforehand = () => ({})) {
  const initial = { ...fields, refresh_schedule: null }; // what is wrong with that is shown at the schedule
  let sent = { text: null, key: null };
  let kept = null;
  return {
    form: form(initial, async () => {}),
    init() {
      this.form = form(initial, (data) => this.make(data));
      kept = draft(name, this.$store.session, () => this.form);
      kept.restore();
    },
    destroy() {
      kept.keep();
    },
    async submit() {
      const wrong = { ...this.missingBot(), ...beforehand(this.form.data) };
      if (Object.keys(wrong).length) Object.assign(this.form, { errors: wrong, error: t("common.check_fields") });
      else await this.form.submit();
    },
    async make(data) {
      const { path, body } = bodyOf(data, this.common());
      const text = JSON.stringify([path, body]);
      if (sent.text !== text) sent = { text, key: unique() };
      const answer = await post(path, body, { headers: { "Idempotency-Key": sent.key } });
      const made = answer.parent ? { ...answer.parent, children_count: answer.children.length } : answer;
      sent = { text: null, key: null };
      this.form.reset();
      kept.forget();
      await read(made);
      if (this.$store.route.page === "sources") go(`sources/${made.id}`); // else the person is elsewhere by now
    },
  };
}

/** The source is there: what is wrong with reading it is no reason to make it again. */
async function read(source) {
  try {
    await readAgain(source);
    toast(t("sources.made", { name: source.name }));
  } catch (error) {
    toast(`${t("sources.made_unread", { name: source.name })} ${message(error)}`, "bad");
  }
}
