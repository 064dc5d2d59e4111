// How the dashboard looks and speaks.

import { LANGUAGES, speak, t } from "../i18n.js";
import { keep, recall } from "../storage.js";

const THEMES = ["system", "light", "dark"];
const ICONS = { system: "screen", light: "sun", dark: "moon" };
const NAMES = { en: "English", de: "Deutsch" };

export function preferences() {
  return {
    theme: recall("theme", "system"),
    themes: THEMES,
    languages: LANGUAGES,
    setTheme(theme) {
      this.theme = theme;
      keep("theme", theme);
      document.dispatchEvent(new CustomEvent("theme:changed"));
    },
    /** What another place of the page has chosen. */
    readTheme() {
      this.theme = recall("theme", this.theme);
    },
    nextTheme() {
      this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]);
    },
    themeIcon() {
      return ICONS[this.theme] || "screen";
    },
    themeLabel() {
      return t(`common.theme.${this.theme}`);
    },
    otherCode() {
      return LANGUAGES.find((code) => code !== this.$store.i18n.language);
    },
    otherLanguage() {
      return NAMES[this.otherCode()];
    },
    nextLanguage() {
      return speak(this.otherCode());
    },
    setLanguage(code) {
      return speak(code);
    },
    languageName(code) {
      return NAMES[code];
    },
  };
}
