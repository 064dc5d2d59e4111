// A classic script in the head: the theme stands before anything is painted.
(() => {
  const read = () => {
    try {
      return localStorage.getItem("minirag.theme") || "system";
    } catch {
      return "system"; // storage that the browser's owner has turned off
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = read();
    document.documentElement.classList.toggle("dark", theme === "dark" || (theme === "system" && dark.matches));
    document.dispatchEvent(new CustomEvent("theme"));
  };
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("theme:changed", apply);
  apply();
})();
