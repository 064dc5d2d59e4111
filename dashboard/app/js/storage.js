// What this browser remembers: choices of looks, never credentials. It may be turned off, and nothing depends on it.

const PREFIX = "minirag.";

/** The value that was kept under a name, or the given one. */
export function recall(name, otherwise = null) {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return otherwise;
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
