// The answer: the sentence, and a row for each figure with its ratio as a forest plot.

const PLOT = { width: 300, height: 34, edge: 12 };
const MOST_ROWS = 25;
const SIGNS = { slower: "▲", faster: "▼", no_verdict: "?", no_difference: "=" };

// The largest change that is written and drawn as it is, in percent, as in the other tables.
const MOST_CHANGE = 1000;

// The ratios that all rows of a plot have room for, on a logarithmic axis, symmetric around 1.
function reach(rows) {
  const ends = rows.flatMap((row) => [row.ratio, ...(row.interval ?? [])]);
  const sizes = ends.filter((ratio) => ratio > 0).map((ratio) => Math.abs(Math.log(ratio)));
  return Math.min(Math.max(Math.log(1.02), ...sizes) * 1.1, Math.log(1 + MOST_CHANGE / 100));
}

function plotPlace(ratio, most) {
  const part = Math.max(-1, Math.min(1, Math.log(ratio) / most));
  return PLOT.width / 2 + part * (PLOT.width / 2 - PLOT.edge);
}

function plotRow(row, most) {
  const at = (ratio) => plotPlace(ratio, most);
  const middle = PLOT.height / 2;
  const shapes = [];
  for (const [noise, arm, y] of [[row.baseline_noise, "baseline", middle - 8], [row.candidate_noise, "candidate", middle + 2]]) {
    if (!noise) continue;
    const [low, high] = noise.map(at);
    shapes.push(hint(shape("rect", { x: low, y, width: Math.max(high - low, 1), height: 6, class: `noise ${arm}` }),
      `the ${arm} against itself: ${change(noise[0])} to ${change(noise[1])}`));
  }
  shapes.push(line(at(1), 0, at(1), PLOT.height, "one"));
  if (row.interval) {
    const [low, high] = row.interval.map(at);
    shapes.push(hint(line(low, middle, high, middle, `interval ${row.verdict}`), row.change));
    for (const x of [low, high]) shapes.push(line(x, middle - 5, x, middle + 5, `interval ${row.verdict}`));
  }
  if (row.ratio > 0) {
    const x = at(row.ratio);
    shapes.push(hint(shape("path", { d: `M${x - 6} ${middle}l6 -6 6 6 -6 6z`, class: `ratio ${row.verdict}` }), row.change));
  }
  return drawing(PLOT.width, PLOT.height, `${row.change}, ${row.words}`, ...shapes);
}

function change(ratio) {
  const percent = (ratio - 1) * 100;
  if (percent > MOST_CHANGE * (1 + 1e-9)) return `> +${digits(MOST_CHANGE)} %`;
  return `${percent > 0 ? "+" : percent < 0 ? "−" : ""}${digits(Math.abs(percent))} %`;
}

function plotAxis(most) {
  const low = Math.max((Math.exp(-most) - 1) * 100, -99);
  const high = (Math.exp(most) - 1) * 100;
  const places = ticks(low, high, high > 150 ? 3 : 4).filter((percent) => percent > -100);
  const shapes = [];
  let last = -Infinity;
  for (const percent of places) {
    const x = plotPlace(1 + percent / 100, most);
    if (x - last < 46 || x < PLOT.edge || x > PLOT.width - PLOT.edge) continue;
    last = x;
    shapes.push(line(x, 0, x, 4, "tick"), words(x, 16, percent === 0 ? "same" : change(1 + percent / 100), "label", "middle"));
  }
  return drawing(PLOT.width, 20, "axis of the change", ...shapes);
}

function answerRow(row, most, head) {
  const cells = [
    element("th", { scope: "row" }, row.name),
    element("td", { class: `verdict ${row.verdict}`, "data-head": "verdict" },
      element("strong", {}, `${SIGNS[row.verdict]} ${row.words.replaceAll(" %", "\u00a0%")}`),
      ...row.reasons.map((reason) => element("div", { class: "reason" }, reason))),
    element("td", { class: "num", "data-head": head }, row.change),
    element("td", { class: "plot" }, plotRow(row, most)),
    element("td", { class: "num", "data-head": "baseline" }, row.values[0]),
    element("td", { class: "num", "data-head": "candidate" }, row.values[1]),
    element("td", { class: "num noise-cell", "data-head": "noise A/A, B/B" }, row.noise),
  ];
  return element("tr", {}, ...cells);
}

function answerTable(answer) {
  const most = reach(answer.rows);
  const heads = ["figure", "verdict", answer.change, "", "baseline", "candidate", "noise A/A, B/B"];
  const head = element("tr", {}, ...heads.map((text) => text
    ? element("th", { scope: "col" }, text)
    : element("th", { scope: "col", class: "plot" }, element("span", { class: "unseen" }, "change, drawn"), plotAxis(most))));
  const body = element("tbody");
  const caption = `${answer.candidate} against ${answer.baseline}`;
  const made = element("table", { class: "answer" }, element("caption", { class: "unseen" }, caption), element("thead", {}, head), body);
  const show = (rows) => body.replaceChildren(...rows.map((row) => answerRow(row, most, answer.change)));
  const region = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
  show(answer.rows.slice(0, MOST_ROWS));
  if (answer.rows.length <= MOST_ROWS) return [region];
  const field = element("input", { type: "search", placeholder: "name of a figure", "aria-label": "Show figures with this in their names" });
  const all = element("button", { type: "button" }, `Show all ${answer.rows.length}`);
  const count = element("span", { role: "status", class: "quiet" }, `${MOST_ROWS} of ${answer.rows.length}`);
  const update = (rows) => {
    show(rows);
    count.textContent = `${rows.length} of ${answer.rows.length}`;
  };
  all.addEventListener("click", () => { field.value = ""; update(answer.rows); });
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    update(wanted ? answer.rows.filter((row) => row.name.toLowerCase().includes(wanted)) : answer.rows.slice(0, MOST_ROWS));
  });
  return [element("div", { class: "tools" }, field, all, count), region];
}

function drawAnswer(answer) {
  const parts = [];
  if (content.answers.length > 1) {
    const of = answer.run === null ? "of different runs" : content.runs[answer.run].id;
    parts.push(element("h3", {}, `${answer.candidate} against ${answer.baseline}`, " ", element("small", {}, of)));
  }
  const worst = ["slower", "faster", "no_verdict", "no_difference"].find((verdict) => answer.rows.some((row) => row.verdict === verdict));
  parts.push(element("p", { class: `sentence ${worst ?? ""}` }, answer.sentence));
  if (answer.rows.length) parts.push(...answerTable(answer));
  const remarks = [...answer.remarks, ...answer.differences.map((text) => `the hosts differ in ${text}`)];
  for (const arm of ["baseline", "candidate"]) {
    const names = answer.one_sided.filter((one) => one.arm === arm).map((one) => one.name);
    if (names.length) remarks.push(`only the ${arm} has ${names.join(", ")}`);
  }
  if (remarks.length) parts.push(element("ul", { class: "remarks" }, ...remarks.map((text) => element("li", {}, text))));
  return parts;
}

function drawAnswers() {
  const place = section("answer");
  for (const answer of content.answers) place.append(...drawAnswer(answer));
  if (content.answers.some((answer) => answer.rows.length)) {
    const noise = content.answers.some((answer) => answer.rows.some((row) => row.baseline_noise ?? row.candidate_noise));
    const keys = armKey().map((key, place) => {
      key.lastChild.textContent = place ? "B/B: the candidate against itself" : "A/A: the baseline against itself";
      return key;
    });
    place.append(element("p", { class: "legend" }, element("span", { class: "key" }, "◆ change with its interval"), ...(noise ? keys : [])));
  }
  if (content.answers.length === 0) {
    const figures = content.figures.length;
    const said = figures ? `${figures} ${figures === 1 ? "figure" : "figures"}, and no baseline to compare with.` : "No figures: the config names no files that hold any, or they hold none.";
    const outcomes = content.runs.map((run) => element("p", { class: "sentence" }, `${run.revision}: ${run.outcome}`));
    place.append(...outcomes.slice(0, 10), element("p", {}, said));
  }
}
