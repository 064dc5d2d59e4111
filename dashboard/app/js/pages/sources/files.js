// Files: gathered first, then sent; what could not be sent stays in the list with the reason.

import { message } from "../../components/loading.js";
import { toast } from "../../components/toasts.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";
import { ACCEPT, chosen, isReadable } from "./picked.js";
import { planned, send } from "./transfer.js";

let count = 0;

export const files = () => ({
  accept: ACCEPT,
  queue: [],
  transfers: [],
  leftOut: [],
  name: "",
  error: "",
  over: false,
  sending: false,
  gone: false,
  parentId: null,
  init() {
    this.take(this.dropped.splice(0));
    this.$watch("dropped", (waiting) => waiting.length && this.take(waiting.splice(0)));
  },
  /** Whoever goes elsewhere is told how it ended. */
  destroy() {
    this.gone = true;
  },
  pick(event) {
    this.take(chosen(event.target));
    event.target.value = "";
  },
  take(found) {
    if (!found.length) return;
    const isNew = ({ file }) => !this.queue.some((entry) => entry.file.name === file.name && entry.file.size === file.size);
    const readable = found.filter(({ file }) => isReadable(file)).filter(isNew);
    this.leftOut = found.filter(({ file }) => !isReadable(file)).map(({ file }) => file.name);
    this.error = "";
    this.queue.push(...readable.map(({ file, folder }) => ({ id: ++count, file, folder })));
    if (!this.name && readable[0]?.folder) this.name = readable[0].folder.split("/")[0];
  },
  mark(event, over) {
    this.over = over && [...event.dataTransfer.types].includes("Files");
  },
  removeFile(entry) {
    this.queue = this.queue.filter((other) => other.id !== entry.id);
  },
  plans() {
    return planned(this.queue.map((entry) => entry.file));
  },
  isGroup() {
    return this.plans().some((plan) => plan.ofGroup);
  },
  async submit() {
    if (this.missingBot().bot || this.sending || !this.queue.length) return;
    Object.assign(this, { sending: true, error: "", transfers: this.plans().map((plan) => this.transferOf(plan)) });
    const made = [];
    for (const transfer of this.transfers) {
      if (await this.run(transfer)) made.push(transfer.sourceId);
    }
    this.sending = false;
    this.finish(made);
  },
  transferOf(plan) {
    const [first] = plan.files;
    const label = plan.files.length > 1 ? t("sources.files", { count: plan.files.length }) : first.name;
    return { id: ++count, plan, label, part: 0, state: "waiting", error: "", stop: new AbortController(), sourceId: null };
  },
  async run(transfer) {
    if (transfer.state === "stopped") return false;
    transfer.state = "sending";
    const { plan, stop } = transfer;
    const progress = (part) => Object.assign(transfer, { part, state: part < 1 ? "sending" : "making" });
    try {
      const group = plan.ofGroup ? { name: this.name.trim(), parentId: this.parentId } : {};
      transfer.sourceId = await send(plan, { bot: this.bot, ...group, progress, signal: stop.signal });
      if (plan.ofGroup) this.parentId = transfer.sourceId;
      transfer.state = "done";
      this.queue = this.queue.filter((entry) => !plan.files.includes(entry.file));
      return true;
    } catch (error) {
      if (error.name === "AbortError") transfer.state = "stopped";
      else Object.assign(transfer, { state: "failed", error: message(error) });
      return false;
    }
  },
  cancel(transfer) {
    if (transfer.state === "waiting") transfer.state = "stopped";
    transfer.stop.abort();
  },
  finish(made) {
    const failed = this.transfers.find((transfer) => transfer.error);
    if (this.gone && failed) return toast(`${failed.label}: ${failed.error}`, "bad");
    if (this.queue.length) {
      this.transfers = this.transfers.filter((transfer) => transfer.state !== "done");
      this.error = made.length ? t("sources.some_sent") : "";
      return;
    }
    toast(t("sources.uploaded", { count: made.length }));
    if (this.gone) return;
    const ids = [...new Set(made)];
    go(ids.length === 1 && ids[0] ? `sources/${ids[0]}` : "sources");
  },
});
