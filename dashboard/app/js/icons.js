// Our icons: 24 × 24, strokes of 1.75, drawn with createElementNS so that no markup is ever parsed. `<span x-icon="'bots'">`.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  overview: "M4 5h7v7H4zM13 5h7v4h-7zM13 12h7v7h-7zM4 15h7v4H4z",
  bots: "M12 3v3M6 8h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM9 13v1M15 13v1M2 13v2M22 13v2",
  sources: "M5 4h9l5 5v11H5zM14 4v5h5M8.5 13h7M8.5 16.5h7",
  chats: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  webhooks: "M8 11a4 4 0 1 1 6-3.5M10 7.5l-3 6M17 13a4 4 0 1 1-3 6.5M17 17h-7M7 13a4 4 0 1 0 3.5 6",
  tokens: "M14 10a4 4 0 1 0-3.5 4L12 15.5h2V18h2.5v2.5H21V17l-7-7zM9.5 9.5v.01",
  users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.5 2.5-6 6-6s6 2.5 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M17.5 14.5c2.2.8 3.5 2.8 3.5 5.5",
  analytics: "M4 4v16h16M8 16v-4M12 16V8M16 16v-6",
  events: "M3 12h4l3-8 4 16 3-8h4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  check: "M5 12.500l4.5 4.500L19 7.5",
  send: "M4 12l16-8-5 16-3.5-6.500zM11.5 13.500L20 4",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  pause: "M9 5v14M15 5v14",
  refresh: "M20 6v5h-5M4 18v-5h5M5.5 9a7.5 7.5 0 0 1 13-2.500L20 11M18.5 15a7.5 7.5 0 0 1-13 2.500L4 13",
  upload: "M12 16V5M7 9.500L12 4.500l5 5M4 16v4h16v-4",
  download: "M12 4v11M7 10.500l5 5 5-5M4 16v4h16v-4",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3.5 12h17M12 3c2.5 2.5 3.5 5.5 3.5 9s-1 6.5-3.5 9c-2.5-2.5-3.5-5.5-3.5-9S9.5 5.5 12 3",
  up: "M7 11v9H4v-9zM7 11l4-7c1.5 0 2.5 1 2.5 2.500V10H19l1 1.5-1.5 7L17 20H7",
  down: "M7 13V4H4v9zM7 13l4 7c1.5 0 2.5-1 2.5-2.500V14H19l1-1.5-1.5-7L17 4H7",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.500M17.5 17.500L19 19M19 5l-1.5 1.500M6.5 17.500L5 19",
  moon: "M20 14.500A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.500z",
  screen: "M3 5h18v11H3zM9 20h6M12 16v4",
  warning: "M12 4l9 16H3zM12 10v4M12 17v.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8v.01",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  back: "M14 6l-6 6 6 6",
  next: "M10 6l6 6-6 6",
  expand: "M6 9l6 6 6-6",
  history: "M4 12a8 8 0 1 0 2.5-5.800L4 8.500M4 4v4.500h4.500M12 8v4.500l3 2",
};

/** An icon as an element that assistive technology passes over. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 24 24",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.75",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    class: "size-5 shrink-0",
  }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] || PATHS.info);
  svg.append(path);
  return svg;
}

/** Registers `x-icon="expression"`; a `size-4` or the like on the element makes it smaller. */
export function install(Alpine) {
  Alpine.directive("icon", (element, { expression }, { evaluateLater, effect }) => {
    const read = evaluateLater(expression);
    element.classList.add("inline-flex", "shrink-0");
    const isSized = /(^|\s)size-\d/.test(element.className);
    const shown = (name) => {
      element.replaceChildren(icon(name));
      if (isSized) element.firstChild.setAttribute("class", "size-full");
    };
    effect(() => read(shown));
  });
}
