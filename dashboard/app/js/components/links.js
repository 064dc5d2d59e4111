// Addresses that come from answers and documents: which of them may be links, and what a link must say of where it leads.

const SCHEMES = ["http:", "https:", "mailto:"];

/** The URL, or null where it may not be followed: only whole addresses, or they would lead into the dashboard. */
export function safeUrl(text) {
  if (!/^(https?:\/\/|mailto:)[^\s\\]/i.test(text || "")) return null;
  try {
    const url = new URL(text);
    const isPlain = SCHEMES.includes(url.protocol) && !url.username && !url.password; // https://your-bank@evil
    return isPlain ? url : null;
  } catch {
    return null;
  }
}

/** What a reader has to know of a URL: its host, or whom it writes to. */
export function targetOf(url) {
  return url.protocol === "mailto:" ? decoded(url.pathname) : url.host.replace(/^www\./, "");
}

/** Whether a text says that itself, and nothing else before it. */
export function saysTarget(text, url) {
  const bare = text.trim().toLowerCase().replace(/^(https?:\/\/|mailto:)/, "").replace(/^www\./, "");
  const target = targetOf(url).toLowerCase();
  return bare === target || (!/\s/.test(bare) && bare.startsWith(`${target}/`));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign
  }
}
