// Parts of drawings that several sections have.

// A drawing in a coordinate system of its own, `width` wide. The words are what a screen reader says of it.
function drawing(width, height, words, ...shapes) {
  const made = shape("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words, class: "drawing",
  });
  made.append(...shapes);
  return made;
}

function line(x1, y1, x2, y2, name) {
  return shape("line", { x1, y1, x2, y2, class: name });
}

function words(x, y, text, name, anchor = "start") {
  return shape("text", { x, y, class: name, "text-anchor": anchor }, text);
}

function hint(made, text) {
  made.append(shape("title", {}, text));
  return made;
}

// The mark of an arm: a circle for the baseline, a square for the candidate, so that colour is not needed to tell them apart.
function mark(arm, x, y, size, text) {
  const made = arm === "baseline"
    ? shape("circle", { cx: x, cy: y, r: size, class: "baseline" })
    : shape("rect", { x: x - size * 0.9, y: y - size * 0.9, width: size * 1.8, height: size * 1.8, class: "candidate" });
  return text ? hint(made, text) : made;
}

function armKey() {
  const key = (arm, text) => element(
    "span", { class: "key" }, drawing(14, 14, arm, mark(arm, 7, 7, 4.5)), text,
  );
  return [key("baseline", "baseline"), key("candidate", "candidate")];
}
