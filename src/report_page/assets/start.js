// Draws everything, the answer first.

const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

function labelTheme() {
  section("theme").textContent = isDark() ? "Light" : "Dark";
  section("theme").setAttribute("aria-label", isDark() ? "Show light colours" : "Show dark colours");
}

section("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  labelTheme();
  redrawCharts();
});
dark.addEventListener("change", () => { labelTheme(); redrawCharts(); });

// On paper there is nothing to open and nothing to scroll to, and it is light. Printing waits for nothing: what is to be drawn
// is unpacked already. Only logs stay as they are, for all of them would take a thousand pages.
let afterPrint = () => {};

addEventListener("beforeprint", () => {
  const root = document.documentElement;
  const { theme } = root.dataset;
  const wasDark = isDark();
  const opened = [];
  root.dataset.theme = "light";
  if (wasDark) redrawCharts();
  for (let part; (part = document.querySelector("details:not([open], .log)")); opened.push(part)) {
    fillNow(part);
    part.open = true;
  }
  for (const target of [...waiting.keys()]) drawNow(target);
  afterPrint = () => {
    for (const part of opened) part.open = false;
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    if (wasDark) redrawCharts();
  };
});
addEventListener("afterprint", () => afterPrint());

labelTheme();
drawOutcome();
drawAnswers();
drawValues();
drawHistory();
drawTimeline();
drawMetrics();
drawHosts();
drawLogs();
drawFiles();
drawPlan();
addEventListener("load", unpackAll);
