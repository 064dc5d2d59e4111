// The first steps of an organisation: done is what is really there.

/** [{name, done, href, label}] from the bots, sources, conversations and embed keys that there are. */
export function stepsOf({ bots, sources, chats, keys }) {
  const bot = bots.find(({ is_active }) => is_active);
  const at = bot ? `#/bots/${bot.id}` : "#/bots";
  return [
    { name: "bot", done: Boolean(bot), href: "#/bots/new" },
    { name: "source", done: sources.some(({ status }) => status === "ready"), href: "#/sources/add" },
    { name: "question", done: chats.length > 0, href: bot ? `${at}/try` : at },
    { name: "embed", done: keys.some(({ is_active }) => is_active), href: bot ? `${at}/embed` : at },
  ];
}
