// What the widget says. A site replaces any of it with data-text-<name>, or with the property `texts` of the element.

const en = {
  title: 'MiniRAG Chat',
  open: 'Open chat',
  close: 'Close chat',
  log: 'Conversation',
  greeting: 'Hello! How can I help you today?',
  suggestions: 'Suggested questions',
  placeholder: 'Type a message...',
  send: 'Send',
  stop: 'Stop writing',
  fresh: 'New conversation',
  you: 'You',
  typing: 'Writing an answer',
  stopped: 'Stopped.',
  copy: 'Copy answer',
  copied: 'Copied',
  good: 'Good answer',
  bad: 'Bad answer',
  sources_one: '1 source used',
  sources_other: '{n} sources used',
  source: 'Source {n}: {title}',
  untitled: 'Untitled',
  page: 'page {n}',
  table: 'Table',
  code: 'Code',
  latest: 'Go to the latest message',
  unread_one: '1 new message',
  unread_other: '{n} new messages',
  footer: 'Powered by MiniRAG',
  retry: 'Try again',
  loading: 'Loading the conversation',
  lost: 'The connection was lost. Trying again…',
  error_network: 'The chat cannot be reached. Please check your connection.',
  error_busy: 'That was too many messages at once. You can go on {when}.',
  error_budget: 'This chat has answered as many messages as it may today. Please come back {when}.',
  error_ended: 'This chat has ended.',
  error_refused: 'This chat is not available on this page.',
  error_identity: 'Your sign-in could not be confirmed. Please reload the page.',
  error_failed: 'The answer could not be written.',
  error_unavailable: 'The chat is not available at the moment.',
};

const de = {
  title: 'MiniRAG Chat',
  open: 'Chat öffnen',
  close: 'Chat schließen',
  log: 'Unterhaltung',
  greeting: 'Hallo! Wie kann ich Ihnen helfen?',
  suggestions: 'Vorgeschlagene Fragen',
  placeholder: 'Nachricht schreiben …',
  send: 'Senden',
  stop: 'Schreiben anhalten',
  fresh: 'Neue Unterhaltung',
  you: 'Sie',
  typing: 'Eine Antwort wird geschrieben',
  stopped: 'Angehalten.',
  copy: 'Antwort kopieren',
  copied: 'Kopiert',
  good: 'Gute Antwort',
  bad: 'Schlechte Antwort',
  sources_one: '1 Quelle verwendet',
  sources_other: '{n} Quellen verwendet',
  source: 'Quelle {n}: {title}',
  untitled: 'Ohne Titel',
  page: 'Seite {n}',
  table: 'Tabelle',
  code: 'Code',
  latest: 'Zur neuesten Nachricht',
  unread_one: '1 neue Nachricht',
  unread_other: '{n} neue Nachrichten',
  footer: 'Bereitgestellt von MiniRAG',
  retry: 'Erneut versuchen',
  loading: 'Die Unterhaltung wird geladen',
  lost: 'Die Verbindung ist unterbrochen. Neuer Versuch …',
  error_network: 'Der Chat ist nicht erreichbar. Bitte prüfen Sie Ihre Verbindung.',
  error_busy: 'Das waren zu viele Nachrichten auf einmal. Weiter geht es {when}.',
  error_budget: 'Dieser Chat hat für heute genug Nachrichten beantwortet. Bitte kommen Sie {when} wieder.',
  error_ended: 'Dieser Chat ist beendet.',
  error_refused: 'Dieser Chat ist auf dieser Seite nicht verfügbar.',
  error_identity: 'Ihre Anmeldung konnte nicht bestätigt werden. Bitte laden Sie die Seite neu.',
  error_failed: 'Die Antwort konnte nicht geschrieben werden.',
  error_unavailable: 'Der Chat ist im Moment nicht verfügbar.',
};

export const LANGUAGES = { en, de };

/** The language to speak: the one that was asked for, else the page's, else the browser's; English where it is unknown. */
export function languageOf(asked) {
  const wanted = [asked, document.documentElement.lang, ...(navigator.languages || [])];
  const known = wanted.map((tag) => (tag || '').toLowerCase().split('-')[0]).find((tag) => Object.hasOwn(LANGUAGES, tag));
  return asked && !Object.hasOwn(LANGUAGES, asked.toLowerCase().split('-')[0]) ? 'en' : known || 'en';
}

/** A function from a text's name and values to what is shown; `own` are the site's words. */
export function speaker(language, own) {
  const built = LANGUAGES[language];
  return (name, values = {}) => {
    const key = 'n' in values && `${name}_one` in built ? `${name}_${values.n === 1 ? 'one' : 'other'}` : name;
    const text = own(key) ?? own(name) ?? built[key];
    return text.replace(/\{(\w+)\}/g, (mark, value) => (value in values ? String(values[value]) : mark));
  };
}

/** “in 40 seconds”, “in 3 hours”, in the language. */
export function inTime(language, seconds) {
  const [count, unit] = seconds < 90 ? [seconds, 'second'] : seconds < 5400 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour'];
  return new Intl.RelativeTimeFormat(language, { numeric: 'always' }).format(Math.max(1, Math.ceil(count)), unit);
}
