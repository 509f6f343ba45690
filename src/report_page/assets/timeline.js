// Phases and steps on a time line, a lane for each sample. Zero is the first step on the instance.

const LANE = { height: 26, gap: 12, left: 130, right: 10, top: 6, axis: 24 };
const moment = (text) => Date.parse(text) / 1000;

// The time of zero of a sample, in seconds since 1970.
function zeroOf(sample) {
  const stages = sample.report.stages;
  const first = stages.find((stage) => stage.steps?.some((step) => step.place === "remote")) ?? stages[0];
  return first ? moment(first.started) : moment(sample.report.started);
}

// The time that all samples together take, from zero on.
const extent = content.samples.reduce((whole, sample) => {
  const zero = zeroOf(sample);
  for (const stage of sample.report.stages) {
    whole.from = Math.min(whole.from, moment(stage.started) - zero);
    whole.to = Math.max(whole.to, moment(stage.started) - zero + stage.took);
  }
  return whole;
}, { from: 0, to: 1 });

// What is seen of it; charts and lanes share it.
const view = { from: extent.from, to: extent.to, listeners: [] };

function look(from, to) {
  if (!(to - from > 0.05)) return;
  view.from = Math.max(extent.from, from);
  view.to = Math.min(extent.to, to);
  for (const listener of view.listeners) listener();
}

function stageWords(stage) {
  const arm = stage.arm ? `, ${stage.arm}` : "";
  const turn = stage.turn ? `, turn ${stage.turn}` : "";
  return `${stage.stage}${arm}${turn}: ${duration(stage.took)}${stage.ok ? "" : ", failed"}`;
}

function drawLanes(width) {
  const left = width < 600 ? 74 : LANE.left;
  const room = width - left - LANE.right;
  const samples = content.samples;
  const height = LANE.top + samples.length * (LANE.height + LANE.gap) + LANE.axis;
  const x = (time) => left + ((time - view.from) / (view.to - view.from)) * room;
  const shapes = [];
  for (const tick of ticks(view.from, view.to, Math.max(2, room / 110))) {
    shapes.push(line(x(tick), 0, x(tick), height - LANE.axis + 4, "grid"), words(x(tick), height - 6, clock(tick), "label", "middle"));
  }
  samples.forEach((sample, lane) => {
    const y = LANE.top + lane * (LANE.height + LANE.gap);
    const zero = zeroOf(sample);
    shapes.push(words(0, y + LANE.height / 2 + 4, left < 100 ? sample.name.replace("sample ", "#") : sample.name, "label"));
    for (const stage of sample.report.stages) {
      const from = Math.max(moment(stage.started) - zero, view.from);
      const to = Math.min(moment(stage.started) - zero + stage.took, view.to);
      if (to < view.from || from > view.to) continue;
      const at = Math.max(x(from), left);
      const wide = Math.max(x(to) - at, 1.5);
      const kind = stage.stage === "run" ? `run ${stage.arm ?? "candidate"}` : stage.steps?.length ? "scripts" : "built-in";
      shapes.push(hint(shape("rect", { x: at, y, width: wide, height: LANE.height, rx: 2, class: `stage ${kind}${stage.ok ? "" : " failed"}` }), stageWords(stage)));
      const name = stage.stage === "run" && stage.arm ? (stage.arm === "baseline" ? "A" : "B") : stage.stage;
      if (wide > name.length * 7 + 8) shapes.push(words(at + wide / 2, y + LANE.height / 2 + 4, name, `stage-name ${kind}`, "middle"));
    }
  });
  return drawing(width, height, `Phases of ${samples.length === 1 ? "the sample" : `${samples.length} samples`} from ${clock(view.from)} to ${clock(view.to)}; the table below has every step`, ...shapes);
}

function stepTable(sample) {
  const zero = zeroOf(sample);
  const rows = sample.report.stages.flatMap((stage) => {
    const steps = stage.steps?.length ? stage.steps : [{ script: "", outcome: stage.ok ? "passed" : "failed", exit_code: null, started: stage.started, took: stage.took }];
    return steps.map((step) => [stage.stage, [stage.arm, stage.turn && `turn ${stage.turn}`].filter(Boolean).join(", "), step.script, step.outcome.replaceAll("_", " "), step.exit_code === null ? "" : String(step.exit_code), clock(moment(step.started) - zero), duration(step.took)]);
  });
  return table(`Steps of ${sample.name}`, ["phase", "turn", "script", "result", "exit", "start", "time"], rows);
}

function drawTimeline() {
  const place = section("timeline");
  const room = element("div", { class: "lanes" });
  const draw = () => room.replaceChildren(drawLanes(Math.max(320, room.clientWidth)));
  place.append(element("p", { class: "legend" },
    element("span", { class: "quiet" }, "Zero is the first step on the instance. A is the baseline, B the candidate.")), zoomTools(), room);
  for (const sample of content.samples) place.append(fold(`Steps of ${sample.name} as a table`, (made) => made.append(stepTable(sample))));
  view.listeners.push(draw);
  new ResizeObserver(draw).observe(room);
}

function zoomTools() {
  const shift = (left, right) => () => {
    const size = view.to - view.from;
    look(view.from + size * left, view.to + size * right);
  };
  const button = (text, name, act) => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, text);
    made.addEventListener("click", act);
    return made;
  };
  const shown = element("span", { role: "status", class: "quiet" });
  const tell = () => { shown.textContent = `${clock(view.from)} to ${clock(view.to)}`; };
  view.listeners.push(tell);
  tell();
  return element("div", { class: "tools" },
    button("+", "Zoom in", shift(0.25, -0.25)), button("−", "Zoom out", shift(-0.5, 0.5)),
    button("◀", "Earlier", shift(-0.25, -0.25)), button("▶", "Later", shift(0.25, 0.25)),
    button("All", "All of the time", () => look(extent.from, extent.to)), shown);
}
