// Everything that can go wrong, by the sentence that a visitor reads.

const BY_STATUS = { 401: 'ended', 403: 'refused', 404: 'ended', 429: 'busy', 503: 'unavailable', 502: 'unavailable', 504: 'unavailable' };
const BY_CODE = {
  budget_spent: 'budget',
  invalid_identity: 'identity',
  origin_not_allowed: 'refused',
  tenant_disabled: 'ended',
  network: 'network',
  gone: 'failed',
  key_ended: 'ended',
  bot_not_found: 'ended',
  not_found: 'failed', // a message or conversation that is there no more; the chat itself goes on
};

/** A failure; `kind` names its sentence, `retryAfter` is seconds or null. */
export class Problem extends Error {
  constructor(status, code, detail = '', retryAfter = null) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.kind = BY_CODE[code] || BY_STATUS[status] || 'failed';
  }

  /** Of a response that is not ok. */
  static async of(response) {
    const body = await response.json().catch(() => ({})); // a proxy's page instead of a problem: the status tells enough
    const seconds = Number.parseInt(response.headers.get('retry-after'), 10);
    return new Problem(response.status, body.code || 'unknown', body.detail, Number.isNaN(seconds) ? null : seconds);
  }

  /** Whether the same request may well succeed in a moment. */
  get passing() {
    return this.code === 'network' || (this.status >= 500 && this.status !== 501);
  }

  /** Whether nothing more can be said on this page. */
  get final() {
    return this.kind === 'ended' || this.kind === 'refused';
  }
}

export const network = () => new Problem(0, 'network');

/** Of a question whose conversation was left before it was answered; nobody is told. */
export const left = () => new Problem(0, 'left', 'The conversation was left');
