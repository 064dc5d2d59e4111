// A conversation as it is shown, in parts/transcript.html: `...transcript()` in a component, `<!-- part: transcript -->` in its markup.

import Alpine from "../../vendor/alpine.esm.js";
import { patch } from "../api.js";
import { loadTexts } from "../i18n.js";
import { safeUrl, targetOf } from "./links.js";
import { message } from "./loading.js";
import * as markdown from "./markdown.js";
import { toast } from "./toasts.js";

markdown.install(Alpine); // not with the shell: most pages have no answers
await loadTexts("transcript");

let count = 0;

/** A message as it is shown; `fields` are those of the API, or what is known of one that is not stored yet. */
export const item = (fields) => ({
  key: `m${++count}`,
  id: null,
  role: "assistant",
  content: "",
  sources: [],
  feedback: null,
  tokens: null,
  model: null,
  ms: null,
  at: null,
  error: "",
  state: "done",
  ...fields,
});

/** The API's messages, answers with what they took. An answer without a text is one that failed. */
export function items(messages) {
  return messages.map((told, index) => {
    const { id, role, content, sources, feedback, created_at: at } = told;
    const isAnswer = role === "assistant";
    const before = messages[index - 1];
    return item({
      ...{ id, role, content, sources, feedback, at },
      tokens: isAnswer ? told.prompt_tokens + told.completion_tokens : null,
      ms: isAnswer && before?.role === "user" ? new Date(at) - new Date(before.created_at) : null,
      state: isAnswer && !content ? "failed" : "done",
    });
  });
}

/** `messages` are items; `chat` is the id of the conversation that they are of. */
export function transcript() {
  return {
    chat: null,
    messages: [],
    isRunning(item) {
      return item.state === "waiting" || item.state === "writing";
    },
    mayJudge(item) {
      return item.role === "assistant" && item.id !== null && ["done", "stopped"].includes(item.state) && this.$can("give_feedback");
    },
    /** The same thumb again takes the judgement back. */
    async judge(item, feedback) {
      const before = item.feedback;
      item.feedback = before === feedback ? null : feedback;
      try {
        await patch(`/chat/${this.chat}/messages/${item.id}/feedback`, { feedback: item.feedback });
      } catch (error) {
        item.feedback = before;
        toast(message(error), "bad");
      }
    },
    nameOf(source) {
      return source.title || source.heading || this.$t("transcript.passage");
    },
    /** Where a link leads is said beside it: titles come from documents, and may name another site. */
    placeOf(source) {
      const site = this.hrefOf(source) ? [targetOf(safeUrl(source.url))] : [];
      const place = source.title && source.heading && source.heading !== source.title ? [source.heading] : [];
      return [...site, ...place, ...(source.page ? [this.$t("transcript.page", { page: source.page })] : [])].join(" · ");
    },
    /** Sources come from documents: only addresses of the web become links. */
    hrefOf(source) {
      return safeUrl(source.url)?.href || null;
    },
  };
}
