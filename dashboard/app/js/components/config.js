// What everybody may know of this installation: who may sign up, and its version.

const CLOSED = { sign_up: "closed" };

let asked = null;

export function config() {
  asked ??= fetch("config.json")
    .then((response) => (response.ok ? response.json() : CLOSED))
    .catch(() => {
      asked = null; // the next page asks again
      return CLOSED;
    });
  return asked;
}
