// Server-sent events (WHATWG HTML, «Server-sent events») of a body that is being read.

/** An async iterator of {id, event, data} over a ReadableStream of bytes; comments are passed over. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may have ended by itself
  }
}

function parsed(block) {
  const event = { id: null, event: "message", data: "" };
  const data = [];
  let said = false;
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith(":") || !line) continue;
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line); // a dot is no line separator (U+2028), which a text may have
    if (name === "data") data.push(value);
    else if (name in event) event[name] = value;
    said = true;
  }
  event.data = data.join("\n");
  return said ? event : null;
}
