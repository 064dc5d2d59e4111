// One conversation (`#/chats/<id>`).

import { all, get } from "../../api.js";
import { loader } from "../../components/loading.js";
import { items, transcript } from "../../components/transcript.js";

async function found(id) {
  const [chat, messages] = await Promise.all([get(`/chat/${id}`), all(`/chat/${id}/messages`, {}, 10000)]);
  return { chat, messages };
}

export const chatView = () => ({
  ...transcript(),
  known: loader(found),
  init() {
    this.$watch("$store.route.parts", (parts) => {
      if (this.$store.route.page === "chats" && parts[0] && parts[0] !== this.chat) this.open();
    });
    this.$live(["chat.message.", "chat.feedback."], (_, event) => {
      if (event.data?.chat_id === this.chat) this.load();
    });
    this.open();
  },
  async open() {
    this.chat = this.$store.route.parts[0];
    Object.assign(this, { messages: [] });
    Object.assign(this.known, { state: "loading", value: null });
    await this.load();
    if (this.known.state === "ready") document.title = `${this.titleOf()} · MiniRAG`;
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  },
  async load() {
    await this.known.load(this.chat);
    if (this.known.state !== "ready") return;
    const before = new Map(this.messages.map((one) => [one.id, one]));
    // What is on the page stays the same element, so that neither the focus nor opened sources are lost.
    this.messages = items(this.known.value.messages).map((one) => ({ ...one, key: before.get(one.id)?.key || one.key }));
  },
  titleOf() {
    return this.known.value?.chat.title || this.$t("chats.untitled");
  },
  tokensOf() {
    const { chat } = this.known.value;
    return chat.total_prompt_tokens + chat.total_completion_tokens;
  },
  isWaiting() {
    return this.messages.at(-1)?.role === "user";
  },
});
