// Opens a page in a browser in every view, and prints the text of its sections by their ids, and what should not have been seen, as JSON:
// `read.mjs DIRECTORY PAGE`, with the directory of `setup`.
import { addressOf, launch, openAllParts, VIEWS, watcher } from "./browser.mjs";

const [directory, file] = process.argv.slice(2);
const browser = await launch(directory);
const { seen, open, audit } = watcher(browser, directory, addressOf(file));
for (const view of VIEWS) {
  const page = await open(view);
  await page.goto(addressOf(file));
  seen.sections ??= await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("section")].map((one) => [one.id, one.innerText])));
  await openAllParts(page);
  await audit(page, `${view.colorScheme} ${view.width}`);
  seen.overflow = Math.max(seen.overflow ?? 0, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth));
  await page.context().close();
}
await browser.close();
console.log(JSON.stringify(seen));
