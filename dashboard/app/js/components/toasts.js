// Short news in the corner: `toast(t('common.saved'))`, `toast(message(error), 'bad')`. Bad news stays until it is closed.

const SECONDS = 6;

let store = null;
let count = 0;

export function install(Alpine) {
  Alpine.store("toasts", {
    items: [],
    drop(id) {
      this.items = this.items.filter((item) => item.id !== id);
    },
  });
  store = Alpine.store("toasts");
}

export function toast(text, kind = "good") {
  const id = ++count;
  store.items = [...store.items.slice(-3), { id, text, kind }];
  if (kind !== "bad") setTimeout(() => store.drop(id), SECONDS * 1000);
}
