// The logs of the steps, and a search in all of them.

const MOST_HITS = 40;
const CONTROL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)/g;

async function logText(log) {
  log.text ??= Promise.all([unpackText(log.head), unpackText(log.tail)]).then(([head, tail]) => {
    const gap = log.left_out ? `\n[${log.left_out} bytes are left out of this page; ${log.path} has them]\n` : "";
    return (head + gap + tail).replace(CONTROL, "").replace(/\r\n/g, "\n");
  });
  return log.text;
}

function marked(text, wanted) {
  const parts = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), element("mark", {}, text.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  parts.push(text.slice(from));
  return parts;
}

async function search(wanted, results, status) {
  const needle = wanted.trim().toLowerCase();
  results.replaceChildren();
  if (needle.length < 2) {
    status.textContent = "";
    return;
  }
  status.textContent = "searching …";
  let lines = 0;
  const found = [];
  for (const sample of content.samples) {
    for (const log of sample.logs) {
      const hits = [];
      (await logText(log)).split("\n").forEach((text, place) => { if (text.toLowerCase().includes(needle)) hits.push([place + 1, text]); });
      if (hits.length === 0) continue;
      lines += hits.length;
      const shownHits = hits.slice(0, MOST_HITS).map(([number, text]) => element("div", {}, element("span", { class: "line-number" }, String(number)), ...marked(text.slice(0, 500), needle)));
      const more = hits.length > MOST_HITS ? [element("div", { class: "quiet" }, `and ${hits.length - MOST_HITS} more lines`)] : [];
      found.push(element("div", { class: "hit" }, element("h3", {}, `${sample.name}: ${log.path.split("/").at(-1)}`), element("pre", { tabindex: "0" }, ...shownHits, ...more)));
    }
  }
  if (results.dataset.wanted !== wanted) return;
  results.replaceChildren(...found);
  status.textContent = lines === 0 ? "nothing found" : `${lines} ${lines === 1 ? "line" : "lines"} in ${found.length} ${found.length === 1 ? "log" : "logs"}`;
}

function drawLogs() {
  const place = section("logs");
  if (content.samples.every((sample) => sample.logs.length === 0)) {
    place.append(element("p", {}, "There are no logs."));
    return;
  }
  const field = element("input", { type: "search", placeholder: "search all logs", "aria-label": "Search all logs" });
  const status = element("span", { role: "status", class: "quiet" });
  const results = element("div", { class: "hits" });
  let timer;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    results.dataset.wanted = field.value;
    timer = setTimeout(() => search(field.value, results, status), 200);
  });
  place.append(element("div", { class: "tools" }, field, status), results);
  place.append(element("p", { class: "quiet on-paper" }, "Of the logs, those that were open are on paper."));
  for (const sample of content.samples) {
    const outcomes = new Map(sample.report.stages.flatMap((stage) => stage.steps ?? []).map((step) => [step.log, step.outcome]));
    const failed = sample.logs.some((log) => ["failed", "lost"].includes(outcomes.get(log.path)));
    place.append(fold(`${sample.name}: ${sample.logs.length} logs`, (made) => {
      for (const log of sample.logs) {
        const outcome = outcomes.get(log.path) ?? "";
        const title = [log.path.split("/").at(-1), element("span", { class: `quiet outcome-${outcome}` }, ` ${outcome.replaceAll("_", " ")}, ${amount(log.bytes + log.left_out, "bytes")}`)];
        made.append(fold(title, async (inner) => inner.append(element("pre", { class: "log", tabindex: "0" }, (await logText(log)) || "(empty)")), { class: "log" }));
      }
    }, { class: failed ? "log failed" : "log" }));
  }
}
