//! wrk: what it prints.

use super::Position;
use super::sheet::{Sheet, distinguish, number};
use super::unit::Unit;

/// The suffixes of sizes in wrk's output, with their bytes; its sizes are binary.
const SIZES: [(&str, f64); 5] = [
    ("TB", 1_099_511_627_776.0),
    ("GB", 1_073_741_824.0),
    ("MB", 1_048_576.0),
    ("KB", 1024.0),
    ("B", 1.0),
];

/// The suffixes of times.
const TIMES: [&str; 3] = ["us", "ms", "s"];

/// The lines of one run, with their numbers.
struct Run<'a> {
    url: &'a str,
    lines: Vec<(usize, &'a str)>,
}

/// Reads requests and bytes a second, and latencies; nothing of a run in which requests failed.
pub(super) fn read(text: &str, sheet: &mut Sheet) {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("Running ")
            && let Some((_, url)) = line.split_once(" @ ")
        {
            runs.push(Run {
                url: url.trim(),
                lines: Vec::new(),
            });
        } else if let Some(run) = runs.last_mut() {
            run.lines.push((index + 1, line));
        }
    }
    if runs.is_empty() {
        sheet.refuse(
            Position::File,
            "no line begins with `Running`, as wrk prints it",
        );
    }
    let prefixes = runs.iter().map(|run| (String::new(), run.url.to_owned()));
    let prefixes = distinguish(prefixes.collect());
    for (run, prefix) in runs.iter().zip(prefixes) {
        read_run(run, &prefix, sheet);
    }
}

fn read_run(run: &Run<'_>, url: &str, sheet: &mut Sheet) {
    let failure = run.lines.iter().find(|(_, line)| {
        line.trim_start().starts_with("Socket errors:")
            || line.trim_start().starts_with("Non-2xx or 3xx responses:")
    });
    if let Some((index, line)) = failure {
        let line = line.trim();
        let reason = format!("requests failed, so the run is left out: {line}");
        sheet.refuse(Position::line(*index), reason);
        return;
    }
    let unanswered = run
        .lines
        .iter()
        .find(|(_, line)| line.trim_start().starts_with("0 requests in "));
    if let Some((index, _)) = unanswered {
        let reason = "no request was answered, so the run is left out";
        sheet.refuse(Position::line(*index), reason);
        return;
    }
    let mut distribution = false;
    for (index, line) in &run.lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = match words.as_slice() {
            ["Latency", "Distribution", ..] => {
                distribution = true;
                continue;
            }
            ["Latency", average, ..] => ("latency".to_owned(), time(average)),
            [percent, value] if distribution && percent.ends_with('%') => {
                let percent = percent.trim_end_matches('%');
                (format!("latency p{percent}"), time(value))
            }
            ["Requests/sec:", value] => {
                let rate = number(value);
                (
                    "requests".to_owned(),
                    rate.map(|rate| (rate, Unit::rate("/s"))),
                )
            }
            ["Transfer/sec:", value] => ("transfer".to_owned(), size(value)),
            _ => continue,
        };
        match found {
            (name, Some((value, unit))) => {
                let name = format!("{name}{url}");
                sheet.enter(&Position::line(*index), &name, &unit, &[value]);
            }
            (name, None) => sheet.refuse(
                Position::line(*index),
                format!("{name} is not a number with its unit"),
            ),
        }
    }
}

/// A time such as `1.33ms`; wrk has minutes and hours too, with one letter.
fn time(text: &str) -> Option<(f64, Unit)> {
    let found = TIMES.iter().find_map(|unit| {
        let value = number(text.strip_suffix(unit)?)?;
        Some((value, Unit::parse(unit)))
    });
    found.or_else(|| {
        let minutes = text.strip_suffix('m').and_then(number);
        let hours = text.strip_suffix('h').and_then(number);
        let minutes = minutes.or_else(|| hours.map(|hours| hours * 60.0));
        Some((minutes?, Unit::parse("min")))
    })
}

/// A size such as `2.25MB`, in bytes.
fn size(text: &str) -> Option<(f64, Unit)> {
    SIZES.iter().find_map(|(unit, bytes)| {
        let value = number(text.strip_suffix(unit)?)?;
        Some((value * bytes, Unit::rate("B/s")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    fn wrk(url: &str, failure: &str) -> String {
        format!(
            "Running 1s test @ {url}
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms    1.67ms   8.91ms   85.31%
    Req/Sec     2.30k   193.82     2.66k    72.73%
  Latency Distribution
     50%  524.00us
     99%    1.25s
  2515 requests in 1.10s, 2.47MB read
{failure}Requests/sec:   2286.93
Transfer/sec:      2.00KB
"
        )
    }

    #[test]
    fn units_are_behind_the_numbers() {
        assert_eq!(
            summary(read("wrk.txt", &wrk("http://localhost/", ""))),
            [
                "latency [s, less] 0.0015",
                "latency p50 [s, less] 0.000524",
                "latency p99 [s, less] 1.25",
                "requests [/s, more] 2286.93",
                "transfer [B/s, more] 2048",
            ]
        );
    }

    #[test]
    fn a_run_with_failures_is_left_out() {
        let text = wrk("http://localhost/", "  Non-2xx or 3xx responses: 7\n");
        let (readings, found) = read("wrk.txt", &text);
        assert!(readings.is_empty());
        assert_eq!(
            flaws((readings, found)),
            ["wrk.txt:10:1: requests failed, so the run is left out: Non-2xx or 3xx responses: 7"]
        );
        let text = wrk(
            "http://localhost/",
            "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
        );
        assert!(read("wrk.txt", &text).0.is_empty());
    }

    #[test]
    fn a_run_without_an_answer_is_left_out() {
        let text = wrk("http://localhost/", "")
            .replace(
                "2515 requests in 1.10s, 2.47MB",
                "0 requests in 1.10s, 0.00B",
            )
            .replace("2286.93", "0.00");
        assert_eq!(
            flaws(read("wrk.txt", &text)),
            ["wrk.txt:9:1: no request was answered, so the run is left out"]
        );
        assert!(read("wrk.txt", &text).0.is_empty());
    }

    #[test]
    fn several_runs_are_repetitions_or_told_apart_by_their_url() {
        let twice = wrk("http://localhost/a", "") + &wrk("http://localhost/a", "");
        assert!(summary(read("wrk.txt", &twice))[0].ends_with("] 0.0015 0.0015"));
        let two = wrk("http://localhost/a", "") + &wrk("http://localhost/b", "");
        let read = summary(read("wrk.txt", &two));
        assert_eq!(read.len(), 10);
        assert!(
            read[0].starts_with("latency (http://localhost/a) ["),
            "{read:?}"
        );
    }
}
