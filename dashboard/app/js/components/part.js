// `<div x-part="transcript">`: the markup of parts/transcript.html, for what several pages show or what would make one page long.

const markup = new Map();

export function install(Alpine) {
  Alpine.directive("part", (element, { expression }, { cleanup }) => {
    let isWanted = true;
    cleanup(() => (isWanted = false));
    fetched(expression).then((html) => {
      if (isWanted) element.innerHTML = html; // our own file; Alpine sees it come and brings it to life
    });
  });
}

/** The file is asked for once; one that could not be had is asked for again the next time. */
function fetched(name) {
  if (!markup.has(name)) {
    const asked = fetch(`parts/${name}.html`).then((response) => {
      if (!response.ok) throw new Error(`No part ${name}`);
      return response.text();
    });
    markup.set(name, asked);
    asked.catch(() => markup.delete(name));
  }
  return markup.get(name);
}
