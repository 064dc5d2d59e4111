// Events in words: a sentence, who it was, and where it leads. Of the stream (CloudEvents) and of the audit log alike.

import Alpine from "../../vendor/alpine.esm.js";

import { has, loadTexts, t } from "../i18n.js";
import { nameOf } from "./names.js";

await loadTexts("happened");

/** Kinds that people choose by, with the nouns that event types begin with. */
export const KINDS = {
  bots: ["bot"],
  sources: ["source", "index"],
  chats: ["chat"],
  webhooks: ["webhook"],
  access: ["user", "token", "embed_key"],
  tenant: ["tenant"],
};

const ICONS = { bots: "bots", sources: "sources", chats: "chats", webhooks: "webhooks", access: "users", tenant: "settings", other: "events" };

/** Fields that make a sentence of its own. */
const VARIANTS = ["feedback", "trigger", "how", "reason"];

const PAGES = [
  ["chats", "chat_id"],
  ["sources", "source_id"],
  ["bots", "bot_id"],
  ["webhooks", "webhook_id"],
];

export const kindOf = (type) => Object.keys(KINDS).find((kind) => KINDS[kind].includes(type.split(".")[0])) || "other";

export const iconOf = (type) => ICONS[kindOf(type)];

/** The patterns of `types` that mean some kinds. */
export const patterns = (kinds) => kinds.flatMap((kind) => KINDS[kind].map((noun) => `${noun}.>`)).join(",");

/** What happened; the name of its type where nobody has words for it. */
export function sentence({ type, data }) {
  const key = `happened.types.${type}`;
  if (!has(key)) return t("happened.unknown", { type });
  const own = VARIANTS.map((field) => `${key}.${data[field]}`).find(has);
  return t(own || key, valuesOf(type.split(".")[0], data));
}

/** Who did it, as a word or two. */
export function actorOf({ actor }) {
  const [kind, id] = (actor || "anonymous").split(":");
  if (kind !== "user") return t(`happened.by.${["visitor", "system"].includes(kind) ? kind : "anonymous"}`);
  if (id === Alpine.store("session").user?.id) return t("happened.by.you");
  const name = nameOf("users", id);
  return name.startsWith("…") ? t("happened.by.someone") : t("happened.by.user", { name });
}

/** Whether it is bad news, good news, or just news: for the colour of its icon. */
export function moodOf({ type }) {
  if (type.endsWith(".failed") || type === "tenant.suspended") return "bad";
  return type.endsWith(".completed") || type.endsWith(".succeeded") ? "good" : "plain";
}

/** The pages that it is about, the nearest first: [{page, href, label}]. */
export function linksOf({ type, data }) {
  const noun = type.split(".")[0];
  const found = PAGES.filter(([, field]) => typeof data[field] === "string").map(([page, field]) => [page, `#/${page}/${data[field]}`]);
  if (noun === "user") found.push(["users", "#/users"]);
  if (noun === "token" || noun === "embed_key") found.unshift(["tokens", "#/tokens"]);
  return found.map(([page, href]) => ({ page, href, label: t(`happened.open.${page}`) }));
}

function valuesOf(noun, data) {
  const { source_name, name, stage, role, ...rest } = data;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => ["string", "number"].includes(typeof value))),
    name: name || t("happened.nameless"),
    bot: (noun === "bot" && name) || nameOf("bots", data.bot_id),
    source: source_name || (noun === "source" && name) || nameOf("sources", data.source_id),
    user: nameOf("users", data.user_id),
    role: role ? t(`common.roles.${role}`) : "",
    stage: stage ? stageOf(stage) : "",
  };
}

const stageOf = (stage) => (has(`happened.stages.${stage}`) ? t(`happened.stages.${stage}`) : stage);
