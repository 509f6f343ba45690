// Writes a `metrics.csv` as a machine with some CPUs has it: `metrics.mjs FILE SECONDS CPUS START [FROM TO STEP]…`, with the
// time of the first reading in seconds since 1970, and the steps that run from one second to another.
import { writeFileSync } from "node:fs";

const [file, seconds, cpus, start, ...steps] = process.argv.slice(2);
const running = (at) => {
  // A row is of the time before it.
  for (let place = 0; place + 2 < steps.length; place += 3) {
    if (at > Number(steps[place]) && at <= Number(steps[place + 1])) return steps[place + 2];
  }
  return "";
};

let state = 7;
const random = () => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state / 2147483648;
};
const near = (value, spread) => Math.max(0, value * (1 + (random() - 0.5) * spread));

const usage = (prefix) => ["user", "system", "iowait", "steal"].map((name) => `${prefix}.${name}_percent`);
const columns = [
  ...usage("cpu"), "cpu.idle_percent", "cpu.frequency_mhz", ...[1, 5, 15].map((minutes) => `load.${minutes}m_count`),
  ...["cpu", "io", "memory"].map((name) => `pressure.${name}.some_percent`),
  ...["available", "used", "cached", "dirty"].map((name) => `memory.${name}_bytes`), "swap.used_bytes",
  ...["read_bytes_per_s", "written_bytes_per_s", "reads_per_s", "writes_per_s", "busy_percent"].map((name) => `disk.nvme0n1.${name}`),
  ...["received_bytes_per_s", "sent_bytes_per_s", "received_packets_per_s", "sent_packets_per_s"].map((name) => `net.ens5.${name}`),
  ...["context_switches", "interrupts", "page_faults"].map((name) => `system.${name}_per_s`), "system.runnable_count",
  "step.user_percent", "step.throttled_percent", "step.memory_bytes", "step.processes_count",
];
for (let cpu = 0; cpu < Number(cpus); cpu += 1) columns.push(...usage(`cpu${cpu}`));

const lines = [["uptime_s", "unix_s", "step", ...columns].join(",")];
let memory = 6e8;
let load = 0.2;
for (let at = 0; at < Number(seconds); at += 1) {
  const step = running(at);
  const busy = step ? 80 + 15 * Math.sin(at / 37) : 2;
  memory += step ? 2e5 * random() : 0;
  load += (busy / 50 - load) / 60;
  const values = {
    "cpu.user_percent": near(busy, 0.15), "cpu.system_percent": near(busy / 12, 0.5), "cpu.iowait_percent": random() < 0.02 ? 20 * random() : 0,
    "cpu.steal_percent": random() < 0.005 ? 7 * random() : 0, "cpu.frequency_mhz": near(3200, 0.03), "load.1m_count": load, "load.5m_count": load * 0.8, "load.15m_count": load * 0.7,
    "memory.used_bytes": memory, "memory.available_bytes": 4e9 - memory, "memory.cached_bytes": 3e8 + at * 1e4, "memory.dirty_bytes": near(2e6, 1),
    "swap.used_bytes": 0, "system.context_switches_per_s": near(900 + busy * 30, 0.4), "system.interrupts_per_s": near(600 + busy * 11, 0.3), "system.page_faults_per_s": near(busy * 120, 1), "system.runnable_count": 1 + Math.round(random() * 3),
    "step.throttled_percent": 0, "step.processes_count": step ? 2 : 0, "step.memory_bytes": step ? memory / 3 : NaN, "step.user_percent": step ? near(busy, 0.1) : NaN,
  };
  const value = (name) => values[name] ?? (/^cpu\d/.test(name) ? near(name.includes("user") ? busy : 1, 0.4) : near(name.includes("bytes") ? 4e5 : 25, 2));
  const numbers = columns.map((name) => { const number = value(name); return Number.isNaN(number) ? "" : number.toFixed(name.includes("bytes") ? 0 : 2); });
  lines.push([(12.34 + at * 1.0002).toFixed(3), (Number(start) + at * 1.0002).toFixed(3), step, ...numbers].join(","));
}
writeFileSync(file, `${lines.join("\n")}\n`);
