//! sysbench: what it prints.

use super::sheet::{Sheet, number};
use super::unit::Unit;
use super::{Direction, Position};

/// One run: its options, then its results.
#[derive(Default)]
struct Run<'a> {
    options: Vec<&'a str>,
    started: bool,
    lines: Vec<(usize, &'a str)>,
}

/// Reads rates and latencies. Several runs with the same options are repetitions, others have a number.
pub(super) fn read(text: &str, sheet: &mut Sheet) {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("sysbench ") {
            runs.push(Run::default());
        }
        let Some(run) = runs.last_mut() else { continue };
        if run.started {
            run.lines.push((index + 1, line));
        } else if line.starts_with("Threads started!") {
            run.started = true;
        } else {
            run.options.push(line);
        }
    }
    if !runs.iter().any(|run| run.started) {
        sheet.refuse(Position::File, "no run of sysbench has started");
    }
    let mut distinct: Vec<&[&str]> = Vec::new();
    for run in &runs {
        if !distinct.contains(&run.options.as_slice()) {
            distinct.push(&run.options);
        }
    }
    for run in &runs {
        let position = distinct.iter().position(|options| *options == run.options);
        let suffix = match position {
            Some(position) if distinct.len() > 1 => format!(" (run {})", position + 1),
            _ => String::new(),
        };
        read_run(run, &suffix, sheet);
    }
}

fn read_run(run: &Run<'_>, suffix: &str, sheet: &mut Sheet) {
    let fatal = run.lines.iter().find(|(_, line)| line.contains("FATAL:"));
    if let Some((index, line)) = fatal {
        let reason = format!("the run failed: {}", line.trim());
        sheet.refuse(Position::line(*index), reason);
        return;
    }
    let mut section = "";
    let mut events = None;
    for (index, line) in &run.lines {
        let Some((key, value)) = line.split_once(':') else {
            if let Some(value) = line.trim().strip_suffix("/sec)")
                && let Some((_, rate)) = value.rsplit_once('(')
            {
                // `100.00 MiB transferred (7286.01 MiB/sec)`
                enter(*index, &format!("transfer{suffix}"), rate, sheet);
            }
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        if !line.starts_with(char::is_whitespace) && value.is_empty() {
            section = key;
            continue;
        }
        let position = Position::line(*index);
        let name = format!("{key}{suffix}");
        let plain = number(value.split_whitespace().next().unwrap_or_default());
        match (section, key) {
            (_, "total number of events") => events = plain,
            (_, "events per second" | "events/s (eps)") => {
                rate(&position, &format!("events{suffix}"), plain, sheet);
            }
            ("File operations", _) => {
                let what = key.trim_end_matches("/s");
                rate(&position, &format!("{what}{suffix}"), plain, sheet);
            }
            ("Throughput", _) if key.ends_with(", MiB/s") => {
                let what = key.trim_end_matches(", MiB/s");
                enter(
                    *index,
                    &format!("{what}{suffix}"),
                    &format!("{value} MiB"),
                    sheet,
                );
            }
            (_, "Total operations" | "transactions" | "queries") => {
                let bracketed = value.split_once('(').map(|(_, rest)| rest);
                let bracketed = bracketed.and_then(|rest| rest.split_whitespace().next());
                let what = if key == "Total operations" {
                    "operations"
                } else {
                    key
                };
                rate(
                    &position,
                    &format!("{what}{suffix}"),
                    bracketed.and_then(number),
                    sheet,
                );
            }
            (_, "ignored errors" | "reconnects") if plain != Some(0.0) => {
                let count = value.split_whitespace().next().unwrap_or("some");
                let reason = format!("{count} {key}: what failed is not in the figures");
                sheet.refuse(position, reason);
            }
            ("Latency (ms)", "sum") => {
                // The average is printed with two decimals, which is nothing for a fast operation.
                match (plain, events) {
                    (Some(sum), Some(events)) if events > 0.0 && sum > 0.0 => {
                        let name = format!("latency{suffix}");
                        sheet.enter(&position, &name, &Unit::milliseconds(), &[sum / events]);
                    }
                    _ => sheet.refuse(position, "the latency is shorter than sysbench prints"),
                }
            }
            ("Latency (ms)", _) if key.ends_with("percentile") && value != "disabled" => {
                match plain {
                    Some(time) if time > 0.0 => {
                        sheet.enter(
                            &position,
                            &format!("latency {name}"),
                            &Unit::milliseconds(),
                            &[time],
                        );
                    }
                    Some(_) => {
                        sheet.refuse(
                            position,
                            format!("the {key} is shorter than sysbench prints"),
                        );
                    }
                    None => sheet.refuse(position, format!("`{value}` is not a number")),
                }
            }
            _ => {}
        }
    }
}

/// Enters a rate a second.
fn rate(position: &Position, name: &str, value: Option<f64>, sheet: &mut Sheet) {
    match value {
        // Of what was not done there is no figure.
        Some(0.0) => {}
        Some(value) => sheet.enter(position, name, &Unit::rate("/s"), &[value]),
        None => sheet.refuse(
            position.clone(),
            format!("the rate of `{name}` is not a number"),
        ),
    }
}

/// Enters a rate such as `7286.01 MiB`, a second.
fn enter(index: usize, name: &str, rate: &str, sheet: &mut Sheet) {
    let position = Position::line(index);
    let mut words = rate.split_whitespace();
    let value = words.next().and_then(number);
    let unit = words.next().unwrap_or_default();
    match value {
        Some(0.0) => {}
        Some(value) => {
            let unit = Unit::plain(&format!("{unit}/s")).with_better(Direction::More);
            sheet.enter(&position, name, &unit, &[value]);
        }
        None => sheet.refuse(position, format!("the rate of `{name}` is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    fn run(options: &str, results: &str) -> String {
        format!(
            "sysbench 1.0.20 (using system LuaJIT 2.1.0)

Number of threads: {options}

Threads started!

{results}
General statistics:
    total time:                          1.0004s
    total number of events:              4000

Latency (ms):
         min:                                    0.00
         avg:                                    0.00
         max:                                    7.52
         95th percentile:                        0.34
         sum:                                   10.00

Threads fairness:
    events (avg/stddev):           3200.0000/0.00
"
        )
    }

    const CPU: &str = "CPU speed:\n    events per second:  3194.49\n";

    #[test]
    fn rates_and_latencies_are_read_of_each_kind() {
        assert_eq!(
            summary(read("s.txt", &run("1", CPU))),
            [
                "events [/s, more] 3194.49",
                "latency 95th percentile [s, less] 0.00034",
                "latency [s, less] 0.0000025",
            ]
        );
        let memory = "Total operations: 102400 (7460871.05 per second)\n\n100.00 MiB transferred (7286.01 MiB/sec)\n";
        assert_eq!(
            summary(read("s.txt", &run("1", memory)))[..2],
            [
                "operations [/s, more] 7460871.05",
                "transfer [MiB/s, more] 7286.01"
            ]
        );
        let files = "File operations:\n    reads/s:   790.52\n    writes/s:   0.00\n\nThroughput:\n    read, MiB/s:   12.5\n    written, MiB/s:   0.00\n";
        assert_eq!(
            summary(read("s.txt", &run("1", files)))[..2],
            ["reads [/s, more] 790.52", "read [MiB/s, more] 12.5"]
        );
        let sql = "SQL statistics:\n    transactions:   100    (9.50 per sec.)\n    queries:   2000   (190.00 per sec.)\n    ignored errors:   0      (0.00 per sec.)\n\nThroughput:\n    events/s (eps):   9.5\n";
        assert_eq!(
            summary(read("s.txt", &run("1", sql)))[..3],
            [
                "transactions [/s, more] 9.5",
                "queries [/s, more] 190",
                "events [/s, more] 9.5"
            ]
        );
    }

    #[test]
    fn errors_that_were_ignored_are_flaws_and_the_figures_stay() {
        let sql = "SQL statistics:\n    transactions:   100    (9.50 per sec.)\n    ignored errors:   3      (0.30 per sec.)\n    reconnects:   1      (0.10 per sec.)\n";
        let (readings, found) = read("s.txt", &run("1", sql));
        assert_eq!(
            summary((readings, Vec::new()))[0],
            "transactions [/s, more] 9.5"
        );
        assert_eq!(
            flaws((Vec::new(), found)),
            [
                "s.txt:9:1: 3 ignored errors: what failed is not in the figures",
                "s.txt:10:1: 1 reconnects: what failed is not in the figures",
            ]
        );
    }

    #[test]
    fn runs_with_the_same_options_are_repetitions() {
        let twice = run("1", CPU) + &run("1", CPU);
        assert_eq!(
            summary(read("s.txt", &twice))[0],
            "events [/s, more] 3194.49 3194.49"
        );
        let two = run("1", CPU) + &run("2", CPU);
        let read = summary(read("s.txt", &two));
        assert_eq!(read.len(), 6);
        assert_eq!(read[3], "events (run 2) [/s, more] 3194.49");
    }

    #[test]
    fn what_is_shorter_than_it_prints_is_no_figure() {
        let text = run("1", CPU)
            .replace("0.34", "0.00")
            .replace("  10.00", "  0.00");
        assert_eq!(
            flaws(read("s.txt", &text)),
            [
                "s.txt:18:1: the 95th percentile is shorter than sysbench prints",
                "s.txt:19:1: the latency is shorter than sysbench prints",
            ]
        );
        let failed = run("1", "FATAL: cannot connect\n");
        assert!(read("s.txt", &failed).0.is_empty());
    }
}
