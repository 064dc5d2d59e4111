// `<input x-invalid="form.errors.name">`: says below a field what is wrong with it, to eyes and to assistive technology.

let count = 0;

export function install(Alpine) {
  Alpine.directive("invalid", (element, { expression }, { evaluateLater, effect, cleanup }) => {
    const read = evaluateLater(expression);
    const note = document.createElement("p");
    note.className = "field-error";
    note.id = `invalid-${++count}`;
    const others = element.getAttribute("aria-describedby");
    effect(() =>
      read((text) => {
        note.textContent = text || "";
        element.toggleAttribute("aria-invalid", false);
        if (text) {
          element.after(note);
          element.setAttribute("aria-invalid", "true");
          element.setAttribute("aria-describedby", [others, note.id].filter(Boolean).join(" "));
        } else {
          note.remove();
          if (others) element.setAttribute("aria-describedby", others);
          else element.removeAttribute("aria-describedby");
        }
      }),
    );
    cleanup(() => note.remove());
  });
}
