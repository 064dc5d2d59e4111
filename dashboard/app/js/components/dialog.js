// `<dialog class="dialog" x-dialog="open">`: the browser's own modal dialog, open as long as the expression is true.
// It keeps the focus, gives it back, and closes by Escape or a click outside; then the expression becomes false.

export function install(Alpine) {
  Alpine.directive("dialog", (element, { expression }, { evaluateLater, effect, evaluate, cleanup }) => {
    const read = evaluateLater(expression);
    let isOpen = false;
    effect(() =>
      read((open) => {
        isOpen = Boolean(open);
        if (isOpen && !element.open) {
          element.removeAttribute("x-cloak");
          queueMicrotask(() => isOpen && !element.open && element.isConnected && element.showModal());
        } else if (!isOpen && element.open) element.close();
      }),
    );
    const closed = () => isOpen && evaluate(`${expression} = false`);
    let pressed = null;
    const press = (event) => (pressed = event.target);
    const outside = (event) => event.target === element && pressed === element && element.dataset.keep === undefined && element.close();
    element.addEventListener("close", closed);
    element.addEventListener("pointerdown", press);
    element.addEventListener("click", outside);
    cleanup(() => {
      element.removeEventListener("close", closed);
      element.removeEventListener("pointerdown", press);
      element.removeEventListener("click", outside);
    });
  });
}
