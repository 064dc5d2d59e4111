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
    const hear = (_, event) => event.data?.chat_id === this.chat && this.load();
    this.$live(["chat.message.", "chat.feedback."], hear, () => this.load());
    this.open();
  },
  destroy() {
    this.chat = null;
  },
  async open() {
    const [chat] = this.$store.route.parts;
    this.chat = chat;
    Object.assign(this, { messages: [] });
    Object.assign(this.known, { state: "loading", value: null });
    await this.load();
    if (this.chat !== chat) return;
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  },
  async load() {
    const { chat } = this;
    await this.known.load(chat);
    if (this.known.state !== "ready" || this.chat !== chat) return;
    document.title = `${this.titleOf()} · MiniRAG`;
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
