// Elements. Every text from a run goes through `textContent` or an attribute that takes only text.

const content = JSON.parse(document.getElementById("content").textContent);

// Makes an element: `element("td", {class: "num"}, "text", child, …)`.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children) made.append(child ?? "");
  return made;
}

// Makes an element of a drawing.
function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  for (const child of children) made.append(child);
  return made;
}

// A table with a head; a cell is a text or an element. The first cell of a row names it.
function table(caption, heads, rows, attributes = {}) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => {
    const row = element("tr");
    cells.forEach((cell, place) => {
      if (cell instanceof HTMLTableCellElement) row.append(cell);
      else row.append(place === 0 ? element("th", { scope: "row" }, cell) : element("td", {}, cell));
    });
    return row;
  });
  const made = element(
    "table", attributes,
    element("caption", { class: "unseen" }, caption), element("thead", {}, head), element("tbody", {}, ...body),
  );
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
}

// A part that opens; what is in it is made when it does.
const unfilled = new WeakMap();
function fold(summary, fill, attributes = {}) {
  const made = element("details", attributes, element("summary", {}, ...[summary].flat()));
  unfilled.set(made, fill);
  made.addEventListener("toggle", () => { if (made.open) fillNow(made); });
  return made;
}

function fillNow(made) {
  const fill = unfilled.get(made);
  unfilled.delete(made);
  if (fill) fill(made);
}

function section(id) {
  return document.getElementById(id);
}

// Removes a section that has nothing to say, with its link.
function drop(id) {
  section(id).remove();
  document.querySelector(`nav a[href="#${id}"]`).remove();
}

// Calls `draw` once, when the element comes near to what is seen, or is to be printed.
const waiting = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) drawNow(entry.target);
}, { rootMargin: "400px" });

function whenSeen(target, draw) {
  waiting.set(target, draw);
  seen.observe(target);
}

function drawNow(target) {
  const draw = waiting.get(target);
  waiting.delete(target);
  seen.unobserve(target);
  if (draw) draw();
}

// A colour as a canvas takes it: which of its two it is now, an element that has it knows.
const swatches = new Map();
function colour(name) {
  if (!swatches.has(name)) {
    const swatch = element("span", { hidden: true });
    swatch.style.color = `var(--${name})`;
    swatches.set(name, swatch);
    document.body.append(swatch);
  }
  return getComputedStyle(swatches.get(name)).color;
}

const SERIES = 8;
function seriesColour(place) {
  return colour(`series-${(place % SERIES) + 1}`);
}
