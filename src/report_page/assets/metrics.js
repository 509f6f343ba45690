// Every metric as a chart: samples over each other, or the turns of both arms; steps are shaded.

const measured = content.samples.map((sample, place) => ({ ...sample, place })).filter((sample) => sample.metrics?.rows);
const shown = new Set(measured.map((sample) => sample.place));
const charts = new Set();
let overlaid = "samples";
const HEIGHT = 150;
const MOST_POINTS = 60000;

// The unpacked numbers of a sample's metrics, each kept once.
const unpacked = new Map();
const unpacking = new Map();
function unpackOnce(text) {
  if (!unpacking.has(text)) unpacking.set(text, unpackNumbers(text).then((numbers) => unpacked.set(text, numbers)));
  return unpacking.get(text);
}

// Unpacks what is not needed yet, in parts between which the page can do other things.
async function unpackAll() {
  for (const { metrics } of measured) {
    for (const text of [metrics.times, ...metrics.groups.map((group) => group.numbers)]) {
      await new Promise((done) => setTimeout(done));
      await unpackOnce(text);
    }
  }
}

// The packed numbers that a chart needs and that are not unpacked yet.
function stillPacked({ subject }) {
  const needed = measured.flatMap(({ metrics }) => [metrics.times, ...metrics.groups.filter((group) => group.subject === subject).map((group) => group.numbers)]);
  return needed.filter((text) => !unpacked.has(text));
}

// When sampling began, from zero on. The clock of the instance may be another than that of the report, so that a step that both
// have tells; without one, the clocks have to agree.
function startOf(sample) {
  const steps = sample.report.stages.flatMap((stage) => stage.steps ?? []);
  for (const span of sample.metrics.spans) {
    const step = steps.find((one) => one.log === `collector/logs/${span.step}.log`);
    if (step) return moment(step.started) - zeroOf(sample) - span.from;
  }
  return sample.metrics.start - zeroOf(sample);
}

// The readings of a metric of a sample, with their times from zero on.
function readings(sample, { subject, name, unit }) {
  const group = sample.metrics.groups.find((one) => one.subject === subject);
  const place = group?.columns.findIndex((column) => column.name === name && column.unit === unit) ?? -1;
  if (place < 0) return null;
  const [times, numbers] = [unpacked.get(sample.metrics.times), unpacked.get(group.numbers)];
  const length = numbers.length / group.columns.length;
  const shift = startOf(sample);
  const at = new Float64Array(length);
  for (let index = 0; index < length; index += 1) {
    at[index] = times[Math.min(times.length - 1, index * group.every + (group.every >> 1))] + shift;
  }
  return { at, values: numbers.subarray(place * length, (place + 1) * length) };
}

// The turns of a sample while their `run` ran.
function turnsOf(sample) {
  const zero = zeroOf(sample);
  const runs = sample.report.stages.filter((stage) => stage.stage === "run" && stage.turn);
  return runs.map((stage) => ({ arm: stage.arm ?? "candidate", turn: stage.turn, from: moment(stage.started) - zero, to: moment(stage.started) - zero + stage.took }));
}

// The lines of a chart: each with its readings, its name and its colour.
function linesOf(metric) {
  const found = [];
  for (const sample of measured) {
    if (!shown.has(sample.place)) continue;
    const read = readings(sample, metric);
    if (!read) continue;
    if (overlaid === "samples") {
      found.push({ ...read, label: sample.name, stroke: seriesColour(sample.place) });
      continue;
    }
    for (const turn of turnsOf(sample)) {
      const inside = (time) => time >= turn.from && time <= turn.to;
      const first = read.at.findIndex(inside);
      const last = read.at.findLastIndex(inside);
      if (first < 0) continue;
      found.push({ at: read.at.slice(first, last + 1).map((time) => time - turn.from), values: read.values.subarray(first, last + 1), label: `${sample.name}, turn ${turn.turn}, ${turn.arm}`, stroke: colour(turn.arm) });
    }
  }
  return found;
}

// Lines with times of their own on one grid of times: the reading that is nearest, or none.
function aligned(lines) {
  const first = Math.min(...lines.map((one) => one.at[0]));
  const last = Math.max(...lines.map((one) => one.at.at(-1)));
  const gaps = lines.map((one) => (one.at.at(-1) - one.at[0]) / Math.max(1, one.at.length - 1)).filter((gap) => gap > 0);
  const step = Math.max(Math.min(...gaps, last - first || 1), (last - first) / MOST_POINTS) || 1;
  const count = Math.floor((last - first) / step + 1.5);
  const grid = Array.from({ length: count }, (_, place) => first + place * step);
  const columns = lines.map((one) => {
    let near = 0;
    return grid.map((time) => {
      while (near + 1 < one.at.length && Math.abs(one.at[near + 1] - time) <= Math.abs(one.at[near] - time)) near += 1;
      const value = one.values[near];
      return Math.abs(one.at[near] - time) <= step * 1.5 && Number.isFinite(value) ? value : null;
    });
  });
  return [grid, ...columns];
}

// Shades the steps of the first sample that is shown.
function shade(plot) {
  if (overlaid !== "samples") return;
  const sample = measured.find((one) => shown.has(one.place));
  if (!sample) return;
  const { left, top, width, height } = plot.bbox;
  const zero = zeroOf(sample);
  plot.ctx.save();
  for (const stage of sample.report.stages) {
    if (!stage.steps?.length) continue;
    const from = Math.max(plot.valToPos(moment(stage.started) - zero, "x", true), left);
    const to = Math.min(plot.valToPos(moment(stage.started) - zero + stage.took, "x", true), left + width);
    if (to <= from) continue;
    plot.ctx.fillStyle = colour(stage.stage === "run" ? `shade-${stage.arm ?? "candidate"}` : "shade-step");
    plot.ctx.fillRect(from, top, Math.max(to - from, 1), height);
  }
  plot.ctx.restore();
}

// Draws at once where everything is unpacked: paper does not wait.
async function drawChart(metric, room) {
  const packed = stillPacked(metric);
  if (packed.length) await Promise.all(packed.map(unpackOnce));
  const lines = linesOf(metric);
  metric.plot?.destroy();
  metric.plot = null;
  if (lines.length === 0) {
    room.replaceChildren(element("p", { class: "quiet" }, overlaid === "turns" ? "No turns: the run measured one revision once." : "No sample is shown."));
    return;
  }
  room.replaceChildren();
  const [divisor] = scale(metric.most, metric.unit);
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const options = {
    width: Math.max(240, room.clientWidth), height: HEIGHT, legend: { show: false }, pxAlign: 0,
    cursor: { sync: { key: `metrics-${overlaid}` }, drag: { x: true, y: false, setScale: overlaid !== "samples" }, points: { size: 6 } },
    scales: { x: { time: false, ...(overlaid === "samples" ? { range: () => [view.from, view.to] } : {}) }, y: { range: (_, low, high) => heights(low, high) } },
    axes: [
      { ...axis, values: (_, all) => all.map(clock), size: 22, gap: 3 },
      {
        ...axis, size: 44, gap: 3,
        // Round numbers of the unit that is shown: no part of a GiB that is round in bytes only.
        splits: (_, __, low, high) => ticks(low / divisor, high / divisor, HEIGHT / 28).map((place) => place * divisor),
        values: (_, all) => all.map((value) => Number((value / divisor).toPrecision(6)).toString()),
      },
    ],
    series: [{}, ...lines.map((one) => ({ label: one.label, stroke: one.stroke, width: 1.25, points: { show: false } }))],
    hooks: { drawClear: [shade], setCursor: [(plot) => tell(metric, plot, lines)], setSelect: [(plot) => {
      if (overlaid !== "samples" || plot.select.width < 4) return;
      const from = plot.posToVal(plot.select.left, "x");
      const to = plot.posToVal(plot.select.left + plot.select.width, "x");
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      look(from, to);
    }] },
  };
  metric.plot = new uPlot(options, aligned(lines), room);
  metric.plot.over.addEventListener("dblclick", () => { if (overlaid === "samples") look(extent.from, extent.to); });
  performance.mark("chart");
}

// From zero on, but where that would flatten what moves far above it.
function heights(low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1;
  return [low > high * 0.7 ? low - room : Math.min(0, low), high + room];
}

// What is under the pointer, in words below the chart.
function tell(metric, plot, lines) {
  const { idx } = plot.cursor;
  if (idx === null || idx === undefined) {
    metric.now.textContent = "";
    return;
  }
  const said = lines.map((one, place) => [one.label, plot.data[place + 1][idx]]).filter(([, value]) => value !== null && value !== undefined);
  const values = lines.length === 1 ? said.map(([, value]) => amount(value, metric.unit)) : said.slice(0, SERIES).map(([label, value]) => `${label.replace(/sample /, "#")}: ${amount(value, metric.unit)}`);
  metric.now.textContent = `${clock(plot.data[0][idx])}  ${values.join("  ")}`;
}

// Moves the cursor by a hundredth of what is seen, a reading at least; whether the key is one of those that do.
function moveCursor(plot, key) {
  const direction = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!direction) return false;
  const [first, last] = plot.series[0].idxs;
  const wanted = (plot.cursor.idx ?? first) + direction * Math.ceil((last - first) / 100);
  plot.setCursor({ left: plot.valToPos(plot.data[0][Math.min(last, Math.max(first, wanted))], "x"), top: HEIGHT / 2 });
  return true;
}

// The metrics by subject, over all samples.
function subjects() {
  const found = new Map();
  for (const sample of measured) {
    for (const group of sample.metrics.groups) {
      const metrics = found.get(group.subject) ?? found.set(group.subject, new Map()).get(group.subject);
      for (const column of group.columns) {
        const known = metrics.get(`${column.name} ${column.unit}`) ?? { subject: group.subject, name: column.name, unit: column.unit, least: Infinity, most: -Infinity, every: 1, of: [] };
        if (column.least !== null) {
          known.least = Math.min(known.least, column.least);
          known.most = Math.max(known.most, column.most);
        }
        known.every = Math.max(known.every, group.every);
        known.of.push([sample.name, column]);
        metrics.set(`${column.name} ${column.unit}`, known);
      }
    }
  }
  return found;
}

function chartOf(metric, name) {
  metric.usual = `${amount(metric.least, metric.unit)} to ${amount(metric.most, metric.unit)}`;
  metric.words = element("span", { class: "quiet reading" }, metric.usual);
  // Over what is below: the chart must not move away from under the pointer.
  metric.now = element("div", { class: "reading now" });
  const said = `${metric.subject} ${metric.name}`;
  const room = element("div", { class: "chart", role: "img", tabindex: "0", "aria-label": `${said} over time, ${metric.usual}; arrow keys tell its values, and the table of the subject has the figures` });
  const made = element("div", { class: "chart-card" }, element("h4", {}, element("span", {}, name, " ", element("small", {}, scale(metric.most, metric.unit)[1])), metric.words), room, metric.now);
  metric.draw = () => drawChart(metric, room);
  room.addEventListener("keydown", (event) => { if (metric.plot && moveCursor(metric.plot, event.key)) event.preventDefault(); });
  // The cursors of the other charts move along, but one at a time is read aloud.
  room.addEventListener("focus", () => metric.now.setAttribute("role", "status"));
  room.addEventListener("blur", () => metric.now.removeAttribute("role"));
  whenSeen(room, () => {
    charts.add(metric);
    metric.draw();
    let width = room.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(room.clientWidth - width) < 2) return;
      width = room.clientWidth;
      metric.plot?.setSize({ width: Math.max(240, width), height: HEIGHT });
    }).observe(room);
  });
  return made;
}

function metricTable(subject, metrics) {
  const rows = metrics.flatMap((metric) => metric.of.map(([name, column]) => [`${metric.subject} ${metric.name}`, name, amount(column.least, metric.unit), amount(column.mean, metric.unit), amount(column.most, metric.unit)]));
  return table(`Metrics of ${subject}`, ["metric", "sample", "least", "mean", "greatest"], rows);
}

// The charts of a subject. What never changed is a sentence; it is a line in the table, too.
function fillSubject(place, subject, metrics) {
  const named = (metric) => metric.subject.split(".").slice(1).concat(metric.name).join(" ");
  const moving = metrics.filter((metric) => metric.most > metric.least);
  const still = metrics.filter((metric) => !(metric.most > metric.least));
  if (moving.length) place.append(element("div", { class: "charts" }, ...moving.map((metric) => chartOf(metric, named(metric)))));
  if (still.length) place.append(element("p", { class: "quiet" }, `Never changed: ${still.map((metric) => `${named(metric)} ${amount(metric.most, metric.unit)}`).join(", ")}`));
  place.append(fold(`${subject} as a table`, (made) => made.append(metricTable(subject, metrics))));
}

const FAMILIES = [[/^cpu\d+$/, "Each CPU"], [/^disk\./, "Disks"], [/^net\./, "Network interfaces"]];
const ORDER = ["cpu", "load", "pressure.cpu", "pressure.memory", "pressure.io", "memory", "swap", "system", "step"];

function drawMetrics() {
  const place = section("metrics");
  if (measured.length === 0) {
    place.append(element("p", {}, "No metrics: none of the results has a collector/metrics.csv."));
    return;
  }
  const found = subjects();
  const family = (subject) => FAMILIES.find(([pattern]) => pattern.test(subject))?.[1];
  const rank = (subject) => (ORDER.includes(subject) ? ORDER.indexOf(subject) : ORDER.length);
  const names = [...found.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true }));
  place.append(element("p", { class: "quiet" }, "Drag over a chart to zoom all of them and the time line, double-click to see the whole; the buttons of the time line do the same. Arrow keys move the cursor of a chart. Shaded: the steps of the first sample that is shown."), choices());
  const every = Math.max(...[...found.values()].flatMap((metrics) => [...metrics.values()].map((metric) => metric.every)));
  if (every > 1) place.append(element("p", { class: "quiet" }, `There are too many readings for a page: a point of some charts is the mean of up to ${every} of them. metrics.csv has every one.`));
  const usual = new Map();
  for (const subject of names.filter((name) => !family(name))) {
    const group = subject.split(".")[0];
    usual.set(group, [...(usual.get(group) ?? []), ...found.get(subject).values()]);
  }
  for (const [group, metrics] of usual) {
    place.append(element("h3", {}, group));
    fillSubject(place, group, metrics);
  }
  for (const [, title] of FAMILIES) {
    const own = names.filter((name) => family(name) === title);
    if (own.length === 0) continue;
    place.append(fold(`${title} (${own.length})`, (made) => {
      for (const subject of own) {
        made.append(element("h3", {}, subject));
        fillSubject(made, subject, [...found.get(subject).values()]);
      }
    }, { class: "family" }));
  }
  // Charts of turns count from the start of each: the time line's range is not theirs.
  view.listeners.push(() => { if (overlaid === "samples") for (const metric of charts) metric.plot?.redraw(false, true), metric.plot?.setScale("x", { min: view.from, max: view.to }); });
}

function redrawCharts() {
  for (const metric of charts) metric.draw();
}

function choices() {
  const boxes = measured.map((sample) => {
    const box = element("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      if (box.checked) shown.add(sample.place); else shown.delete(sample.place);
      redrawCharts();
    });
    const swatch = drawing(12, 12, "", shape("rect", { width: 12, height: 12, rx: 2, class: `series-${(sample.place % SERIES) + 1}` }));
    swatch.setAttribute("aria-hidden", "true");
    return element("label", { class: "key" }, box, swatch, sample.name);
  });
  const modes = element("select", { "aria-label": "What lies over each other" }, element("option", { value: "samples" }, "samples over each other"), element("option", { value: "turns" }, "turns over each other, by arm"));
  modes.addEventListener("change", () => { overlaid = modes.value; redrawCharts(); });
  const hasTurns = measured.some((sample) => turnsOf(sample).length);
  return element("div", { class: "tools", role: "group", "aria-label": "Samples that the charts show" }, ...boxes, ...(hasTurns ? [modes] : []));
}
