// Starts the dashboard.

import Alpine from "../vendor/alpine.esm.js";

import * as confirm from "./components/confirm.js";
import * as dialog from "./components/dialog.js";
import * as invalid from "./components/invalid.js";
import { preferences } from "./components/preferences.js";
import { shell } from "./components/shell.js";
import * as toasts from "./components/toasts.js";
import * as format from "./format.js";
import * as i18n from "./i18n.js";
import * as icons from "./icons.js";
import * as live from "./live.js";
import * as router from "./router.js";
import * as session from "./session.js";

for (const part of [i18n, session, icons, toasts, confirm, dialog, invalid, live, router]) part.install(Alpine);
Alpine.magic("format", () => format);
Alpine.data("preferences", preferences);
Alpine.data("shell", shell(Alpine));

await Promise.all([i18n.loadTexts("common"), session.resume(Alpine)]);
Alpine.start();
