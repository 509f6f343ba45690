// What was planned, what came of it, and how to do it again.

function facts(pairs) {
  const rows = pairs.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
  return element("dl", {}, ...rows);
}

function copyable(text) {
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousSibling);
    }
  });
  return element("div", { class: "command" }, element("pre", { tabindex: "0" }, text), button);
}

function orderOf(sample) {
  const rounds = [];
  for (const turn of sample.report.turns ?? []) {
    rounds[turn.round] = (rounds[turn.round] ?? "") + (turn.arm === "baseline" ? "A" : "B");
  }
  return rounds.filter(Boolean).join("  ");
}

function problem(diagnostic, of) {
  const made = element("li", {}, of ? `${of}: ` : "", diagnostic.message ?? diagnostic);
  if (diagnostic.hint) made.append(element("div", { class: "quiet" }, diagnostic.hint));
  if (diagnostic.last_lines?.length) made.append(element("pre", { tabindex: "0" }, diagnostic.last_lines.join("\n")));
  return made;
}

function drawOutcome() {
  const place = section("outcome");
  const problems = [];
  const warnings = [];
  content.runs.forEach((run, number) => {
    problems.push(...run.errors.map((one) => problem(one)));
    for (const sample of content.samples.filter((one) => one.run === number)) {
      const of = content.samples.length > 1 ? sample.name : "";
      problems.push(...sample.report.errors.map((one) => problem(one, of)));
      warnings.push(...sample.report.warnings.map((one) => problem(one, of)));
    }
  });
  if (problems.length) place.append(element("ul", { class: "problems" }, ...problems));
  if (warnings.length) place.append(fold(warnings.length === 1 ? "One warning" : `${warnings.length} warnings`, (made) => made.append(element("ul", {}, ...warnings))));
  const started = content.runs.map((run) => run.started).filter(Boolean).sort();
  const when = started.length > 1 ? `${started[0].slice(0, 16)} to ${started.at(-1).slice(0, 16)}` : (started[0] ?? "").slice(0, 16);
  const types = [...new Set(content.samples.map((sample) => sample.report.instance?.instance_type ?? sample.report.provider))].join(", ");
  const outcomes = [...new Set(content.runs.map((run) => run.outcome))].join(", ");
  section("made").textContent = [when.replaceAll("T", " "), `${content.samples.length} ${content.samples.length === 1 ? "sample" : "samples"} on ${types}`, outcomes].filter(Boolean).join(" · ");
  section("colophon").textContent = `Made by collector ${content.collector} at ${content.made}. Charts by uPlot (MIT License).`;
}

// From the shortest to the longest time; nothing where nothing was carried out.
function span(took) {
  if (!took) return "–";
  const [least, most] = took.map(duration);
  return least === most ? least : `${least} to ${most}`;
}

// A line for each script; the phase is the head of all of its lines.
function planTable(run, name) {
  const rows = run.plan.flatMap(({ stage, does, times, took, steps }) => {
    if (steps.length === 0) return [[stage, times, element("td", { class: "quiet" }, does), "", "", span(took)]];
    const rowspan = steps.length;
    const head = [element("th", { scope: "rowgroup", rowspan }, stage), element("td", { rowspan }, times)];
    return steps.map((step, place) => [
      ...(place ? [] : head), element("td", {}, [step.script, step.options].filter(Boolean).join(" ")),
      step.place === "local" ? "where collector ran" : "the instance", step.timeout || "–", span(step.took),
    ]);
  });
  return table(`Phases of ${name}`, ["phase", "on each instance", "script", "runs on", "time-out", "took"], rows, { class: "plan" });
}

function planWords(run, samples) {
  const count = samples.length === 1 ? "one instance" : `each of ${samples.length} instances`;
  const turns = run.baseline ? `A turn is run and before_collect of one revision: A is the baseline ${run.baseline}, B the candidate ${run.revision}, both set up on the same instance.` : "A turn is run and before_collect.";
  return `What was done on ${count}, from top to bottom. ${samples.some(orderOf) ? turns : ""}`;
}

function drawPlan() {
  const place = section("plan");
  content.runs.forEach((run, number) => {
    const name = `${run.revision}, ${run.started ?? run.id}`;
    const into = content.runs.length === 1 ? place : fold(name, () => {});
    if (into !== place) place.append(into);
    const samples = content.samples.filter((sample) => sample.run === number);
    into.append(
      element("p", {}, `In the directory that the config came from, at ${run.commit ? `commit ${run.commit}` : run.revision}, this measures the same again${/ --seed /.test(run.command) ? ", in the same order" : ""}; config/ of each sample has copies of the config and of the scripts:`),
      copyable(run.command),
      facts([["run", run.id], ["revision", run.revision], ["commit", run.commit], ["baseline", run.baseline], ["description", run.description], ["started", run.started], ["outcome", run.outcome], ...samples.map((sample) => [`turns of ${sample.name}`, orderOf(sample)])]),
    );
    if (samples.some(orderOf)) into.append(element("p", { class: "quiet" }, `Turns in their order${run.baseline ? "" : ", each a B"}; rounds are apart.`));
    if (run.plan.length) into.append(element("h3", {}, "Phases"), element("p", {}, planWords(run, samples)), planTable(run, name));
    if (run.config) into.append(fold("config.yml", (made) => made.append(element("pre", { tabindex: "0" }, run.config)), { open: false }));
  });
}
