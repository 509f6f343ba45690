// Opens a page in a browser, uses it, and prints what was seen as JSON: `look.mjs DIRECTORY PAGE`, with the directory of `setup`. The page
// on paper becomes a file where one is named after it.
import { statSync, writeFileSync } from "node:fs";
import { addressOf, launch, openAllParts, VIEWS, watcher } from "./browser.mjs";

const [directory, file] = process.argv.slice(2);
const address = addressOf(file);
const browser = await launch(directory);
const { seen, open, audit } = watcher(browser, directory, address);
seen.bytes = statSync(file).size;

for (const { colorScheme, width } of VIEWS) {
  const page = await open({ colorScheme, width });
  const context = page.context();
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
    const center = () => page.evaluate(() => new Promise((done) => {
      document.querySelector(".chart").scrollIntoView({ block: "center" });
      requestAnimationFrame(() => requestAnimationFrame(done));
    }));
    await center();
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
    await page.mouse.move(0, 0);
    await page.locator(".chart").first().focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"]) await page.keyboard.press(key);
    seen.keyed = await page.locator(".now[role=status]").allTextContents();
    // From where the load is seen to rise to where the report has the turn begin.
    seen.offsets = await page.evaluate(async () => {
      await unpackAll();
      return measured.map((sample) => {
        const { at, values } = readings(sample, { subject: "cpu", name: "user", unit: "percent" });
        return at[values.findIndex((value) => value > 50)] - turnsOf(sample)[0].from;
      });
    });
    await page.getByLabel("What lies over each other").selectOption("turns");
    const range = () => page.evaluate(async () => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const { min, max } = [...charts][0].plot.scales.x;
      return Math.round(max - min);
    });
    seen.turns = [await range()];
    await page.getByRole("button", { name: "Zoom in" }).press("Enter");
    seen.turns.push(await range());
    await center();
    const over = await page.locator(".chart .u-over").first().boundingBox();
    await page.mouse.move(over.x + 60, over.y + 40);
    await page.mouse.down();
    await page.mouse.move(over.x + 120, over.y + 40, { steps: 4 });
    await page.mouse.up();
    seen.turns.push(await range());
    await page.mouse.dblclick(over.x + 60, over.y + 40);
    seen.turns.push(await range());
  }
  await openAllParts(page);
  await page.locator("#logs input").fill("needle");
  await page.locator("#logs .hit").first().waitFor();
  seen.found = await page.locator("#logs [role=status]").textContent();
  await audit(page, `${colorScheme} ${width}`);
  if (width === 1400 && colorScheme === "light") {
    await page.locator("#theme").click();
    seen.theme = await page.evaluate(() => document.documentElement.dataset.theme);
  }
  seen.hostile = (seen.hostile ?? 0) + await page.evaluate(() => document.querySelectorAll("[href^='javascript'], img, iframe, main script, main link, main style, [onerror], [onload]").length + (window.owned ? 1 : 0));
  seen.sentence = await page.locator("#answer .sentence").first().textContent();
  await context.close();
}
{
  const page = await open({ colorScheme: "light", width: 1400 });
  await page.goto(address);
  await page.locator("#theme").click();
  await page.evaluate(() => unpackAll());
  const state = () => page.evaluate(() => `${document.documentElement.dataset.theme}, ${document.querySelectorAll("details[open]").length} open`);
  seen.beforePrinting = await state();
  // After the page's own listener: what goes on paper.
  await page.evaluate(() => addEventListener("beforeprint", () => {
    const count = (selector) => document.querySelectorAll(selector).length;
    window.paper = {
      charts: count(".chart"), drawn: count(".chart canvas"), empty: count(".figure:empty"), closed: count("details:not([open], .log)"),
      colours: [...new Set([...charts].map(({ plot }) => plot.series[1].stroke()))], text: getComputedStyle(document.body).color,
    };
  }));
  const pdf = await page.pdf();
  if (process.argv[4]) writeFileSync(process.argv[4], pdf);
  seen.paper = await page.evaluate(() => window.paper);
  seen.afterPrinting = await state();
  await page.context().close();
}
await browser.close();
console.log(JSON.stringify(seen));
