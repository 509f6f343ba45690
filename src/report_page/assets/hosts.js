// Hosts side by side, with what differs marked, and the files of each sample.

function drawHosts() {
  const place = section("hosts");
  if (content.facts.length === 0) {
    place.append(element("p", {}, "Nothing is known of the hosts."));
    return;
  }
  const several = content.samples.length > 1;
  const differing = content.facts.filter((fact) => fact.differs);
  if (several) {
    const said = differing.length === 0 ? "The hosts are alike in every fact that measurements are known to depend on." : `The hosts differ in ${differing.map((fact) => fact.name).join(", ")}.`;
    place.append(element("p", { class: differing.length ? "sentence no_verdict" : "" }, said));
  }
  const hostTable = (facts, caption) => {
    const rows = facts.map((fact) => {
      const name = element("th", { scope: "row" }, fact.name, fact.differs ? element("span", { class: "differs" }, " ≠ differs") : "");
      return [name, ...fact.values.map((value) => value ?? "–")];
    });
    const made = table(caption, ["fact", ...content.samples.map((sample) => sample.name)], rows, { class: "hosts" });
    facts.forEach((fact, row) => { if (fact.differs) made.querySelectorAll("tbody tr")[row].classList.add("differing"); });
    return made;
  };
  const important = /^(instance|zone|image|cpu|kernel|memory|operating|machine|architecture|tenancy|volumes|boot)/;
  const first = content.facts.filter((fact) => fact.differs || (important.test(fact.name) && fact.name !== "kernel command line"));
  place.append(hostTable(first, "Facts about the hosts"));
  if (first.length < content.facts.length) place.append(fold(`All ${content.facts.length} facts`, (made) => made.append(hostTable(content.facts, "Every fact about the hosts"))));
}

function drawFiles() {
  const place = section("files");
  for (const sample of content.samples) {
    const total = sample.files.reduce((sum, file) => sum + file.size, 0);
    const missing = sample.files.filter((file) => file.state !== "verified").length;
    const words = `${sample.name}: ${sample.files.length + sample.more_files} files, ${amount(total, "bytes")}${missing ? `, ${missing} not as on the instance` : ""}`;
    place.append(fold(words, (made) => {
      const rows = sample.files.map((file) => [file.path, amount(file.size, "bytes"), file.state, element("td", { class: "hash" }, file.sha256 ?? "")]);
      made.append(table(`Files of ${sample.name}`, ["path", "size", "state", "SHA-256"], rows));
      if (sample.more_files) made.append(element("p", {}, `and ${sample.more_files} more; manifest.json has all of them`));
    }));
  }
}
