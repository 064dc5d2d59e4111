// A form: its values, what is wrong with which, and whether it is being sent.

import { ApiError } from "../api.js";
import { t } from "../i18n.js";
import { message } from "./loading.js";

/**
 * `form({name: ''}, async (data) => …)`: `data` is bound by x-model, `submit()` sends it, `errors.name` is what the API says of a field,
 * `error` what it says of the whole. `submit()` answers whether it worked. `reset(values)` begins anew.
 */
export function form(initial, send) {
  let turn = 0; // whoever begins anew is not told of what was sent before
  return {
    data: structuredClone(initial),
    errors: {},
    error: "",
    busy: false,
    status: null,
    reset(values = {}) {
      turn += 1;
      Object.assign(this, { data: { ...structuredClone(initial), ...structuredClone(values) }, errors: {}, error: "", busy: false });
    },
    /** What is wrong with a field, or with something in it. */
    errorOf(name) {
      const found = Object.keys(this.errors).find((field) => field.split(".")[0] === name);
      return found ? this.errors[found] : "";
    },
    async submit() {
      if (this.busy) return false;
      const mine = ++turn;
      Object.assign(this, { busy: true, errors: {}, error: "", status: null });
      try {
        await send(JSON.parse(JSON.stringify(this.data)));
        return mine === turn;
      } catch (error) {
        if (mine === turn) this._blame(error);
        return false;
      } finally {
        if (mine === turn) this.busy = false;
      }
    },
    _blame(error) {
      this.status = error.status ?? null;
      if (error instanceof ApiError && Object.keys(error.fields).length) this.errors = error.fields;
      const known = Object.keys(this.errors).filter((field) => field.split(".")[0] in this.data);
      this.error = known.length ? t("common.check_fields") : message(error);
    },
  };
}
