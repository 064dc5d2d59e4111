// What is done when something has happened, once at a time: of all that happens meanwhile it is done once more, afterwards.

/** `pause`: milliseconds until it is done, where what has happened is counted a moment later. */
export function calmly(action, pause = 0) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
        again = false;
        await action();
      }
    } finally {
      running = false;
    }
  };
}
