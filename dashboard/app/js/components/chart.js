// `<canvas x-chart="config()" role="img" aria-label="…">`: a chart in the colours of the theme. The figures are in a table beside it.
//
// `config()` answers {type, labels, series: [{label, values, color, dashed}], stacked, whole, shown} and is asked again when what it
// reads changes, which includes theme and language. `whole`: there are no parts of one; `shown`: a value as people read it.
// Chart.js is a classic script, and loaded when the first chart is shown.

const SOURCE = "vendor/chart.umd.js";

/** Colours that differ in lightness as well as in hue, on the card of each theme. */
const PALETTES = {
  light: { text: "#52525b", grid: "#e4e4e7", card: "#ffffff", indigo: "#4f46e5", sky: "#38bdf8", good: "#059669", bad: "#dc2626", amber: "#d97706", teal: "#0d9488" },
  dark: { text: "#a1a1aa", grid: "#3f3f46", card: "#18181b", indigo: "#818cf8", sky: "#0e7490", good: "#34d399", bad: "#f87171", amber: "#fbbf24", teal: "#2dd4bf" },
};

let loading = null;
let looks = null;

/** Registers `x-chart`; pages with charts do, so that the others load none of it. */
export function install(Alpine) {
  if (looks) return;
  looks = Alpine.reactive({ dark: isDark() });
  document.addEventListener("theme", () => (looks.dark = isDark()));
  Alpine.directive("chart", (element, { expression }, { evaluateLater, effect, cleanup }) => {
    const read = evaluateLater(expression);
    let chart = null;
    let wanted = null;
    const draw = async () => {
      const Chart = await library();
      if (!wanted || !element.isConnected) return;
      const config = wanted;
      wanted = null;
      chart?.destroy();
      chart = new Chart(element, config);
    };
    effect(() => {
      const palette = PALETTES[looks.dark ? "dark" : "light"];
      read((asked) => {
        wanted = asked && options(asked, palette);
        if (wanted) draw();
      });
    });
    cleanup(() => {
      wanted = null;
      chart?.destroy();
    });
  });
}

/** Chart.js, fetched once; a second try is made if the first did not reach the server. */
function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.onload = () => resolve(window.Chart);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error(`${SOURCE} was not loaded`));
    };
    document.head.append(script);
  });
  return loading;
}

function options({ type, labels, series, stacked = false, whole = false, shown = String }, palette) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const axis = { stacked, border: { color: palette.grid }, ticks: { color: palette.text, font: { size: 11 } } };
  return {
    type,
    data: { labels: [...labels], datasets: series.map((one) => dataset(type, one, palette)) },
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: still ? false : { duration: 250 },
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...axis, grid: { display: false }, ticks: { ...axis.ticks, maxRotation: 0, autoSkipPadding: 16 } },
        y: { ...axis, beginAtZero: true, grid: { color: palette.grid }, ticks: { ...axis.ticks, maxTicksLimit: 6, ...(whole ? { precision: 0 } : {}), callback: (value) => shown(value) } },
      },
      plugins: {
        legend: { position: "bottom", align: "start", labels: { color: palette.text, usePointStyle: true, pointStyle: type === "line" ? "line" : "rectRounded" } },
        tooltip: { callbacks: { label: ({ dataset: { label }, parsed }) => ` ${label}: ${shown(parsed.y)}` } },
      },
    },
  };
}

function dataset(type, { label, values, color, dashed = false }, palette) {
  const line = { borderWidth: 2, borderDash: dashed ? [5, 4] : [], tension: 0.25, pointRadius: values.length > 45 ? 0 : 2.5, spanGaps: true };
  const bar = { borderRadius: 2, maxBarThickness: 28 };
  return { label, data: [...values], backgroundColor: palette[color], borderColor: palette[color], ...(type === "line" ? line : bar) };
}

function isDark() {
  return document.documentElement.classList.contains("dark");
}
