// A figure over the runs, with the places where it moved to another level.

function drawHistoryOf(history, width) {
  const { points } = history;
  let low = Math.min(...points.map((point) => point.least));
  let high = Math.max(...points.map((point) => point.most));
  const margin = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  low -= margin;
  high += margin;
  const [divisor, unit] = scale(Math.max(Math.abs(low), Math.abs(high)), history.unit);
  const y = (value) => CARD.top + (1 - (value - low) / (high - low)) * (CARD.height - CARD.top - CARD.bottom);
  const step = (width - CARD.left - CARD.right) / points.length;
  const x = (place) => CARD.left + (place + 0.5) * step;
  const shapes = [];
  for (const tick of ticks(low / divisor, high / divisor, 4)) {
    const at = y(tick * divisor);
    shapes.push(line(CARD.left, at, width - CARD.right, at, "grid"), words(CARD.left - 6, at + 4, digits(tick), "label", "end"));
  }
  shapes.push(words(4, CARD.top + 4, unit, "label"));
  shapes.push(shape("path", { d: points.map((point, place) => `${place ? "L" : "M"}${x(place)} ${y(point.median)}`).join(""), class: "course" }));
  const starts = [0, ...history.changes, points.length];
  starts.slice(0, -1).forEach((start, index) => {
    const end = starts[index + 1];
    if (history.changes.length === 0) return;
    const level = median(points.slice(start, end).map((point) => point.median));
    shapes.push(line(x(start) - step * 0.4, y(level), x(end - 1) + step * 0.4, y(level), "level"));
  });
  for (const place of history.changes) shapes.push(line(x(place) - step / 2, CARD.top, x(place) - step / 2, CARD.height - CARD.bottom, "change"));
  const every = Math.max(1, Math.ceil(points.length / (width / 90)));
  points.forEach((point, place) => {
    const run = content.runs[point.run];
    shapes.push(line(x(place), y(point.least), x(place), y(point.most), "spread"));
    shapes.push(mark("candidate", x(place), y(point.median), 4, `${run.revision}, ${run.started}: ${amount(point.median, history.unit)}`));
    if (place % every === 0) shapes.push(words(x(place), CARD.height - CARD.bottom + 22, run.revision.slice(0, 12), "label", "middle"));
  });
  return drawing(width, CARD.height, `${history.name} over ${points.length} runs with ${history.changes.length} change points; the table below has every value`, ...shapes);
}

function historyTable(history) {
  const rows = history.points.map((point, place) => {
    const run = content.runs[point.run];
    return [run.revision, run.started ?? "", amount(point.median, history.unit), `${amount(point.least, history.unit)} to ${amount(point.most, history.unit)}`, history.changes.includes(place) ? "another level begins" : ""];
  });
  return table(`History of ${history.name}`, ["revision", "started", "median", "turns", "change"], rows);
}

function drawHistory() {
  if (content.history.length === 0) return drop("history");
  const place = section("history");
  const changes = content.history.reduce((sum, history) => sum + history.changes.length, 0);
  place.append(element("p", {}, `${content.history.length === 1 ? "One figure" : `${content.history.length} figures`} over ${content.runs.length} runs: ${changes === 0 ? "no change point" : changes === 1 ? "one change point" : `${changes} change points`}. Runs at different times are on different machines; a change point is where to look, and a paired comparison is what tells.`));
  const cards = element("div", { class: "cards" });
  const order = [...content.history].sort((a, b) => b.changes.length - a.changes.length);
  for (const history of order) {
    const room = element("div", { class: "figure" });
    cards.append(element("article", { class: "card" }, element("h3", {}, history.name, " ", element("small", {}, `${history.better} is better`)), room, fold("Every run as a table", (made) => made.append(historyTable(history)))));
    whenSeen(room, () => room.append(drawHistoryOf(history, cardWidth(room))));
  }
  place.append(cards);
}
