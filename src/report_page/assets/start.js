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

// On paper there is nothing to open and nothing to scroll to: the charts are drawn before.
addEventListener("beforeprint", () => { for (const target of [...waiting.keys()]) drawNow(target); });

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
