// Arrow keys, Home and End in a row of tabs: `@keydown="tabKeys($event)"` on the element with role="tablist".

/** Goes to the tab that the key means, and opens it. */
export function tabKeys(event) {
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")];
  const here = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (here < 0 || to === undefined) return;
  event.preventDefault();
  const tab = tabs[(to + tabs.length) % tabs.length];
  tab.focus();
  tab.click();
}
