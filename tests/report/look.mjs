// Opens a page in a browser, uses it, and prints what was seen as JSON: `look.mjs DIRECTORY PAGE`, with the directory of `setup`.
import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [directory, file] = process.argv.slice(2);
const require = createRequire(`${directory}/node_modules/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(file).href;
const seen = { bytes: statSync(file).size, said: [], requests: [], violations: [], dialogs: 0 };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
for (const colorScheme of ["light", "dark"]) {
  for (const width of [1400, 400]) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.on("console", (message) => seen.said.push(message.text()));
    page.on("pageerror", (error) => seen.said.push(error.message));
    page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
    page.on("request", (request) => { if (request.url() !== address) seen.requests.push(request.url()); });
    const debug = await context.newCDPSession(page);
    // The main thread's own time, which no other load on the machine adds to.
    await debug.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(address);
    await page.locator("#metrics").scrollIntoViewIfNeeded();
    await page.locator(".chart canvas").first().waitFor();
    seen.untilFirstChart ??= (await debug.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
    seen.overflow = Math.max(seen.overflow ?? 0, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth));
    if (width === 1400 && colorScheme === "light") {
      await page.locator(".chart .u-over").first().waitFor();
      await page.evaluate(() => new Promise((done) => {
        document.querySelector(".chart").scrollIntoView({ block: "center" });
        requestAnimationFrame(() => requestAnimationFrame(done));
      }));
      const room = await page.locator(".chart .u-over").first().boundingBox();
      await page.mouse.move(room.x + 60, room.y + 40);
      seen.hover = await page.locator(".now", { hasText: "#8" }).first().textContent();
      await page.mouse.down();
      await page.mouse.move(room.x + 120, room.y + 40, { steps: 4 });
      await page.evaluate(() => new Promise(requestAnimationFrame));
      await page.mouse.up();
      seen.zoomed = await page.evaluate(async () => {
        await new Promise(requestAnimationFrame);
        return (view.to - view.from) / (extent.to - extent.from);
      });
      await page.getByRole("button", { name: "All of the time" }).press("Enter");
      seen.whole = await page.evaluate(() => view.to === extent.to && view.from === extent.from);
    }
    // The page's policy lets no other script in; the debugger's may run all the same.
    await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
    await page.locator("#logs input").fill("needle");
    await page.locator("#logs .hit").first().waitFor();
    seen.found = await page.locator("#logs [role=status]").textContent();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    seen.violations.push(...violations.map((one) => `${colorScheme} ${width} ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`));
    if (width === 1400 && colorScheme === "light") {
      await page.locator("#theme").click();
      seen.theme = await page.evaluate(() => document.documentElement.dataset.theme);
      await page.emulateMedia({ media: "print" });
      seen.printed = await page.evaluate(() => getComputedStyle(document.body).color);
    }
    seen.hostile = (seen.hostile ?? 0) + await page.evaluate(() => document.querySelectorAll("[href^='javascript'], img, iframe, main script, main link, main style, [onerror], [onload]").length + (window.owned ? 1 : 0));
    seen.sentence = await page.locator("#answer .sentence").first().textContent();
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(seen));
