// A problem as a sentence for the visitor, in their language.

import { inTime } from '../texts.js';

/** How long to wait where the API does not say. */
const SOON = 30;

export function sentence(problem, { say, language }) {
  const seconds = problem.retryAfter ?? SOON;
  return say(`error_${problem.kind}`, { when: inTime(language, seconds) });
}
