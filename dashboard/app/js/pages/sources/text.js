// A text that is typed or pasted.

import { t } from "../../i18n.js";
import { making } from "./making.js";

const bodyOf = ({ name, content }, { bot }) => ({
  path: "/sources",
  body: { bot_profile_id: bot, name: name.trim(), source_type: "text", content },
});

const beforehand = ({ name, content }) => ({
  ...(name.trim() ? {} : { name: t("sources.need_name") }),
  ...(content.trim() ? {} : { content: t("sources.need_content") }),
});

export const text = () => making("text", { name: "", content: "" }, bodyOf, beforehand);
