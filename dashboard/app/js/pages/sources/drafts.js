// What was typed and not sent: kept while the tab is open, for the same person, until it has become a source.

const kept = new Map();

/** Keeps a form's data beyond its component: `restore()` in init, `keep()` in destroy, `forget()` when it has been sent. */
export function draft(name, session, form) {
  const key = () => `${session.user?.id}/${name}`;
  const owner = key();
  return {
    restore: () => form().reset(kept.get(owner)),
    keep: () => kept.set(owner, JSON.parse(JSON.stringify(form().data))),
    forget: () => kept.delete(owner),
  };
}
