// What everybody may know of this installation: who may sign up, and its version.

let asked = null;

export function config() {
  asked ??= fetch("config.json").then((response) => (response.ok ? response.json() : { sign_up: "closed" }));
  return asked;
}
