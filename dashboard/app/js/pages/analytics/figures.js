// What the API tells by day and model, by day.

const DAY = 86400000;

/** The last so many UTC days as the API writes them, today last. */
export function daysOf(count, now = Date.now()) {
  return Array.from({ length: count }, (_, index) => new Date(now - (count - 1 - index) * DAY).toISOString().slice(0, 10));
}

/** One object for each of the days: the sums of these fields over all rows of the day. */
export function byDay(days, rows, fields) {
  const sums = new Map(days.map((date) => [date, { date, ...Object.fromEntries(fields.map((field) => [field, 0])) }]));
  for (const row of rows) {
    const sum = sums.get(row.date);
    if (sum) for (const field of fields) sum[field] += row[field];
  }
  return [...sums.values()];
}

/** The row of each day; a day that the API leaves out has none of its figures. */
export function eachDay(days, rows) {
  const known = new Map(rows.map((row) => [row.date, row]));
  return days.map((date) => known.get(date) || { date });
}

export const sum = (rows, field) => rows.reduce((total, row) => total + row[field], 0);

/** How often turns ended without a whole answer, by code, the most frequent first. */
export function failures(rows) {
  const counts = new Map();
  for (const row of rows) for (const [code, count] of Object.entries(row.failures)) counts.set(code, (counts.get(code) || 0) + count);
  return [...counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
}
