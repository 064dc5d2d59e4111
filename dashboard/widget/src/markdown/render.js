// Shows a text that grows: what has not changed stays in place, with the reader's selection and focus.

import { blocks, element } from './blocks.js';

/** Makes the children of `container` those of the text. `context` as of `element`; `context.version` changes when it says other things. */
export function render(container, text, context) {
  const shown = container.shown || [];
  const wanted = blocks(text);
  const mark = context.version || '';
  const fresh = { ...context, heading: 2 };
  container.shown = wanted.map((block, n) => {
    const raw = `${mark}|${block.kind}|${block.raw}`;
    const old = shown[n];
    if (old?.raw === raw) {
      fresh.heading = old.heading;
      return old;
    }
    const node = element(block, fresh);
    if (old) old.node.replaceWith(node);
    else container.append(node);
    return { raw, node, heading: fresh.heading };
  });
  for (const { node } of shown.slice(wanted.length)) node.remove();
}
