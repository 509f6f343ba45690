// The values of each figure: every turn of every sample, in the order in which they were measured.

const CARD = { height: 210, left: 64, right: 8, top: 10, bottom: 34 };
const MOST_RAW = 400;

function cardWidth(room) {
  return Math.max(300, room.clientWidth || 560);
}

function drawFigure(figure, width) {
  const turns = figure.turns.map((turn) => ({ ...turn, values: turn.values.filter(Number.isFinite) })).filter((turn) => turn.values.length);
  const places = [...new Set(turns.map((turn) => turn.sample))].sort((a, b) => a - b);
  const columns = [];
  for (const sample of places) {
    const own = turns.filter((turn) => turn.sample === sample).sort((a, b) => a.turn - b.turn);
    columns.push({ sample, own });
  }
  const all = turns.flatMap((turn) => turn.values);
  let low = all.reduce((a, b) => Math.min(a, b), Infinity);
  let high = all.reduce((a, b) => Math.max(a, b), -Infinity);
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  low -= margin;
  high += margin;
  const [divisor, unit] = scale(Math.max(Math.abs(low), Math.abs(high)), figure.unit);
  const y = (value) => CARD.top + (1 - (value - low) / (high - low)) * (CARD.height - CARD.top - CARD.bottom);
  const shapes = [];
  for (const tick of ticks(low / divisor, high / divisor, 4)) {
    const at = y(tick * divisor);
    shapes.push(line(CARD.left, at, width - CARD.right, at, "grid"), words(CARD.left - 6, at + 4, digits(tick), "label", "end"));
  }
  shapes.push(words(4, CARD.top + 4, unit, "label"));
  const slots = columns.reduce((sum, column) => sum + column.own.length + 1, 0);
  const step = (width - CARD.left - CARD.right) / slots;
  const raw = Math.max(1, Math.ceil(all.length / MOST_RAW));
  let slot = 0.5;
  for (const { sample, own } of columns) {
    const start = CARD.left + slot * step;
    for (const turn of own) {
      const x = CARD.left + (slot + 0.5) * step;
      if (turn.values.length > 1) {
        turn.values.forEach((value, place) => {
          if (place % raw === 0) shapes.push(shape("circle", { cx: x + ((place * 7) % 5 - 2) * Math.min(step, 14) * 0.08, cy: y(value), r: 1.6, class: `raw ${turn.arm}` }));
        });
      }
      const value = median(turn.values);
      shapes.push(mark(turn.arm, x, y(value), 4.2, `${content.samples[sample].name}, turn ${turn.turn}, ${turn.arm}: ${amount(value, figure.unit)}`));
      slot += 1;
    }
    const end = CARD.left + slot * step;
    shapes.push(line(start, CARD.height - CARD.bottom + 6, end, CARD.height - CARD.bottom + 6, "axis"));
    const name = content.samples[sample].name;
    const room = Math.floor((end - start) / 7);
    shapes.push(hint(words((start + end) / 2, CARD.height - CARD.bottom + 22, name.length > room ? name.replace(/^.*sample /, "") : name, "label", "middle"), name));
    slot += 1;
  }
  const said = `${figure.name}: ${turns.length} turns on ${places.length} samples, from ${amount(low + margin, figure.unit)} to ${amount(high - margin, figure.unit)}; the table below has every value`;
  return drawing(width, CARD.height, said, ...shapes);
}

function figureTable(figure) {
  const rows = figure.turns.map((turn) => [
    content.samples[turn.sample].name, String(turn.turn), String(turn.round), turn.arm,
    turn.values.length ? amount(median(turn.values), figure.unit) : "–", String(turn.values.length),
    turn.values.length > 1 ? `${amount(Math.min(...turn.values), figure.unit)} to ${amount(Math.max(...turn.values), figure.unit)}` : "",
  ]);
  return table(`Values of ${figure.name}`, ["sample", "turn", "round", "arm", "median", "values", "range"], rows);
}

function drawValues() {
  if (content.figures.length === 0) return drop("values");
  const place = section("values");
  const compared = content.figures.some((figure) => figure.turns.some((turn) => turn.arm === "baseline"));
  place.append(element("p", { class: "legend" }, ...(compared ? armKey() : []), element("span", { class: "quiet" }, "Large marks are the medians of turns, from left to right in the order in which they were measured; small ones are single values.")));
  const cards = element("div", { class: "cards" });
  for (const figure of content.figures) {
    const card = element("article", { class: "card" }, element("h3", {}, figure.name, " ", element("small", {}, `${figure.better} is better`)));
    const room = element("div", { class: "figure" });
    card.append(room, fold("Every turn as a table", (made) => made.append(figureTable(figure))));
    whenSeen(room, () => room.append(drawFigure(figure, cardWidth(room))));
    cards.append(card);
  }
  place.append(cards);
}
