// What is done when something has happened, once at a time: of all that happens meanwhile it is done once more, afterwards.

/**
 * `pauses`: milliseconds before it is done, and before it is done once more, where what has happened is counted at some moment later.
 * `stop()` of what it gives takes back what is still to be done.
 */
export function calmly(action, pauses = [0]) {
  let next = pauses.length;
  let isActing = false;
  let timer = null;
  const wait = () => {
    if (pauses[next]) timer = setTimeout(act, pauses[next]);
    else act();
  };
  async function act() {
    next += 1;
    isActing = true;
    try {
      await action();
    } finally {
      isActing = false;
      if (next < pauses.length) wait();
    }
  }
  const again = () => {
    if (next === 0) return; // it is about to be done
    next = 0;
    clearTimeout(timer);
    if (!isActing) wait();
  };
  const stop = () => {
    next = pauses.length;
    clearTimeout(timer);
  };
  return Object.assign(again, { stop });
}
