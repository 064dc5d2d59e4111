// What this browser remembers: choices of looks, never credentials. It may be turned off, and nothing depends on it.

const PREFIX = "minirag.";

/** The value that was kept under a name, or `otherwise`; `unknown` where the browser does not tell. */
export function recall(name, otherwise = null, unknown = otherwise) {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return unknown;
  }
}

/** Keeps a string; false where the browser does not let us. */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
    return true;
  } catch {
    return false;
  }
}
