// Opens a page in a browser, and prints the text of its sections by their ids, and what the console said, as JSON: `read.mjs DIRECTORY PAGE`.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [directory, file] = process.argv.slice(2);
const { chromium } = createRequire(`${directory}/node_modules/`)("playwright-core");

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const page = await browser.newPage();
const said = [];
page.on("console", (message) => said.push(message.text()));
page.on("pageerror", (error) => said.push(error.message));
await page.goto(pathToFileURL(file).href);
const texts = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("section")].map((one) => [one.id, one.innerText])));
await browser.close();
console.log(JSON.stringify({ ...texts, said }));
