// Numbers for people.

const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"]];
const TIMES = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const LARGE = [[1e9, "G"], [1e6, "M"], [1e4, "k"]];

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return value.toFixed(0);
  if (size < 0.01) return value.toExponential(1);
  return Number(value.toPrecision(3)).toString();
}

// What values of this size are divided by, and the unit that they have then.
function scale(size, unit) {
  const find = (units) => units.find(([least]) => size >= least);
  if (unit === "bytes" || unit === "B" || unit === "bytes_per_s") {
    const [divisor, name] = find(BYTES) ?? [1, "B"];
    return [divisor, unit === "bytes_per_s" ? `${name}/s` : name];
  }
  if (unit === "s") return size === 0 ? [1, "s"] : find(TIMES) ?? TIMES[3];
  const words = { percent: "%", per_s: "/s", mhz: "MHz", count: "" }[unit] ?? unit;
  const [divisor, prefix] = find(LARGE) ?? [1, ""];
  return [divisor, (prefix + words).trim()];
}

function amount(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const [divisor, name] = scale(Math.abs(value), unit);
  const gap = name === "" || name === "/s" ? "" : " ";
  return digits(value / divisor) + gap + name;
}

// Seconds as `1h 2m`, `3m 4s`, `5.6 s`.
function duration(seconds) {
  const sign = seconds < 0 ? "−" : "";
  const size = Math.abs(seconds);
  if (size < 60) return `${sign}${size < 10 ? Number(size.toFixed(1)) : Math.round(size)} s`;
  const minutes = Math.floor(size / 60);
  if (minutes < 60) return `${sign}${minutes}m ${Math.round(size % 60)}s`;
  return `${sign}${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

// A time on an axis: `−0:30`, `12:05`, `1:02:05`.
function clock(seconds) {
  const size = Math.abs(Math.round(seconds * 10) / 10);
  const whole = Math.floor(size);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const part = size % 1 ? (size % 1).toFixed(1).slice(1) : "";
  const text = hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return (seconds < 0 ? "−" : "") + text + part;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2;
}

// Round places between two numbers, about as many as are wanted.
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-9; place += 1) found.push(place * step);
  return found;
}
