// A browser that opens one page and notes what it should not do.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// Launches it with the driver in the directory of `setup`.
export async function launch(directory) {
  const { chromium } = createRequire(`${directory}/node_modules/`)("playwright-core");
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

export const addressOf = (file) => pathToFileURL(file).href;

// A page of its own for each colour scheme and width; `seen` gets what the console said, what was asked for besides the page,
// dialogs, and the violations of `audit`.
export function watcher(browser, directory, address) {
  const axe = readFileSync(createRequire(`${directory}/node_modules/`).resolve("axe-core/axe.min.js"), "utf8");
  const seen = { said: [], requests: [], violations: [], dialogs: 0 };
  return {
    seen,
    async open({ colorScheme, width }) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      page.on("console", (message) => seen.said.push(message.text()));
      page.on("pageerror", (error) => seen.said.push(error.message));
      page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
      page.on("request", (request) => { if (request.url() !== address) seen.requests.push(request.url()); });
      return page;
    },
    // The page's policy lets no other script in; the debugger's may run all the same.
    async audit(page, of) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      seen.violations.push(...violations.map((one) => `${of} ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`));
    },
  };
}

export const openAllParts = (page) => page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

// The views that a page is looked at in.
export const VIEWS = ["light", "dark"].flatMap((colorScheme) => [1400, 400].map((width) => ({ colorScheme, width })));
