// Server-sent events of a response that fetch gave, as WHATWG HTML §9.2.6 reads them.

/** Heartbeats come every 15 s; a line that is silent for three of them is dead. */
const SILENCE = 45_000;

/** The events `{id, event, data}` of a body; throws when the line breaks or falls silent. `data` is parsed JSON. */
export async function* events(response, silence = SILENCE) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silence);
      if (done) return;
      text = (text + value).replace(/\r\n?/g, '\n');
      const frames = text.split('\n\n');
      text = frames.pop();
      for (const frame of frames) {
        const event = parse(frame);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // the line may be dead already
  }
}

function parse(frame) {
  const fields = {};
  for (const line of frame.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, '');
  }
  return fields.data === undefined ? null : { id: fields.id, event: fields.event, data: JSON.parse(fields.data) };
}

function within(promise, milliseconds) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('silence')), milliseconds);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}
