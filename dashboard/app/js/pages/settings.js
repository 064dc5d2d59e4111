import Alpine from "../../vendor/alpine.esm.js";

import { tabKeys } from "../components/tab-keys.js";
import { loadTexts } from "../i18n.js";
import { audit } from "./settings/audit.js";
import { limits } from "./settings/limits.js";
import { organisation } from "./settings/organisation.js";
import { system } from "./settings/system.js";

await loadTexts("parts");
Alpine.data("settingsAudit", audit);
Alpine.data("settingsLimits", limits);
Alpine.data("settingsOrganisation", organisation);
Alpine.data("settingsSystem", system);

/** Tab, and the permission without which it is not shown. */
const TABS = [
  ["organisation", null],
  ["limits", "read_system"],
  ["audit", "read_audit"],
  ["system", "read_system"],
  ["appearance", null],
];

export default () => ({
  tabs() {
    return TABS.filter(([, permission]) => !permission || this.$can(permission)).map(([tab]) => tab);
  },
  tab() {
    const [wanted] = this.$store.route.parts;
    return this.tabs().includes(wanted) ? wanted : "organisation";
  },
  isTab(tab) {
    return this.tab() === tab;
  },
  tabKeys,
});
