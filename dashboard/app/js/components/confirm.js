// `if (await confirm({title, text, action, danger})) …`: a question that has to be answered before something is done.

let store = null;
let settle = null;

export function install(Alpine) {
  Alpine.store("confirm", {
    shown: false,
    title: "",
    text: "",
    action: "",
    danger: false,
    get open() {
      return this.shown;
    },
    set open(value) {
      if (!value) this.answer(false);
    },
    answer(value) {
      this.shown = false;
      settle?.(value);
      settle = null;
    },
  });
  store = Alpine.store("confirm");
  addEventListener("hashchange", () => store.answer(false)); // it was about the page before
}

/** Whether the person wants it. */
export function confirm({ title, text = "", action, danger = false }) {
  settle?.(false);
  Object.assign(store, { title, text, action, danger, shown: true });
  return new Promise((resolve) => (settle = resolve));
}
