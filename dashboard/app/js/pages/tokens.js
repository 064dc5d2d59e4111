import Alpine from "../../vendor/alpine.esm.js";

import { tabKeys } from "../components/tab-keys.js";
import { apiTokens } from "./tokens/api.js";
import { embedKeys } from "./tokens/embed.js";

Alpine.data("apiTokens", apiTokens);
Alpine.data("embedKeys", embedKeys);

export default () => ({
  permissions: { api: "manage_tokens", embed: "manage_embed_keys" },
  get tab() {
    return this.$store.route.parts[0] === "embed" ? "embed" : "api";
  },
  keys(event) {
    tabKeys(event);
  },
});
