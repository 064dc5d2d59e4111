// What a site says about its widget: data-attributes of the script or attributes of the element, all optional but the bot.

import { languageOf, speaker } from './texts.js';

/** Reads an attribute of the element under its plain or its data- name; null where it has neither. */
export function attribute(element, name) {
  return element.getAttribute(`data-${name}`) ?? element.getAttribute(name);
}

const SHORT = ['title', 'greeting', 'placeholder', 'footer'];

/** The site's word for a text of the widget; null where it has none. */
function ownText(element, name) {
  const long = attribute(element, `text-${name.replaceAll('_', '-')}`);
  return element.texts?.[name] ?? long ?? (SHORT.includes(name) ? attribute(element, name) : null);
}

/** The options as they are now. `home` is where this script came from. */
export function read(element, home) {
  const get = (name) => attribute(element, name);
  const embedKey = get('embed-key');
  const language = languageOf(get('lang'));
  // The old tags say nothing of an address where page and API have one origin; with an embed key they rarely have.
  const base = get('api-url') || (embedKey && home ? new URL(home).origin : location.origin);
  return {
    embedKey,
    botId: get('bot-id'),
    token: get('api-token'),
    api: new URL(base, location.href).href.replace(/\/+$/, '').replace(/\/v1$/, ''),
    language,
    // The old tags came without dark mode, and their pages' colours may know none.
    theme: get('theme') || (embedKey ? 'auto' : 'light'),
    position: get('position') === 'left' ? 'left' : 'right',
    size: get('size') === 'large' ? 'large' : 'normal',
    icon: get('icon') || 'chat',
    say: speaker(language, (name) => ownText(element, name)),
    own: (name) => ownText(element, name),
  };
}

/** Whether there is enough to talk to anybody. */
export const complete = (options) => Boolean(options.embedKey || (options.botId && options.token));

const given = (element) => element.identity ?? attribute(element, 'identity');

/** The text of an identity where it is known without asking. */
export function knownIdentity(element) {
  const known = given(element);
  return typeof known === 'string' ? known : null;
}

/** The text of an identity, given as such or by a function of the site's that may have to ask its server. */
export async function identityOf(element) {
  const known = given(element);
  return (typeof known === 'function' ? await known() : known) || null;
}

/** The name that a site's token has for its visitor, only to keep the conversations of two people apart in one browser. */
export function subjectOf(identity) {
  try {
    const bytes = Uint8Array.from(atob(identity.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub);
  } catch {
    return 'unreadable'; // the API refuses it with a reason; nothing is kept of such a session
  }
}
