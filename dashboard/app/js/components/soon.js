// Answering many events with few requests: the first at once, those of the next moments with one more.

export function soon(act, milliseconds = 1500) {
  let resting = false;
  let again = false;
  return function call() {
    if (resting) {
      again = true;
      return;
    }
    resting = true;
    act();
    setTimeout(() => {
      resting = false;
      if (again) {
        again = false;
        call();
      }
    }, milliseconds);
  };
}
