// How far a site is crawled: as the API has it (`config.crawl`), and as a form does.

/** The API's defaults; patterns are lines. */
export const DEFAULTS = { max_depth: 3, max_pages: 100, include: "", exclude: "", sitemap: true, respect_robots: true, delay_seconds: 0.5 };

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

export function asForm(crawl) {
  const form = { ...DEFAULTS, ...crawl };
  return { ...form, include: (crawl?.include || []).join("\n"), exclude: (crawl?.exclude || []).join("\n") };
}

/** What differs from the defaults. A field that was emptied has its default. */
export function asConfig(form) {
  const { include, exclude, ...rest } = form;
  const patterns = { ...(lines(include).length && { include: lines(include) }), ...(lines(exclude).length && { exclude: lines(exclude) }) };
  const others = Object.entries(rest).filter(([name, value]) => value !== "" && value !== null && value !== DEFAULTS[name]);
  return { ...Object.fromEntries(others), ...patterns };
}
