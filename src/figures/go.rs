//! Go: the text of `go test -bench`.

use super::Position;
use super::sheet::{Sheet, number};
use super::unit::Unit;

/// A benchmark whose name was printed, and what may be its result.
struct Begun<'a> {
    position: Position,
    package: &'a str,
    name: &'a str,
    /// Whether its result is to follow in the line of its name.
    awaits_result: bool,
    /// The measures of lines that may be the result, each a value and its unit; none of a line that something stands before.
    results: Vec<(Position, Vec<&'a str>)>,
}

/// Reads every measure of each benchmark; a line that repeats is a repetition.
///
/// What a benchmark prints stands between its name and its result. Where two lines may be the result, none is taken.
pub(super) fn read(text: &str, sheet: &mut Sheet) {
    let mut package = "";
    let mut begun: Option<Begun<'_>> = None;
    let mut has_failure = false;
    for (index, line) in text.lines().enumerate() {
        let position = Position::line(index + 1);
        let (name, rest) = name_of(line).unwrap_or(("", line));
        if let Some((failed, reason)) = failure(rest) {
            // What stands behind the name of a benchmark that failed is not its result.
            let completed = begun.take().filter(|begun| {
                !name.is_empty() || failed.is_some_and(|failed| failed != begun.name)
            });
            end(completed, sheet);
            sheet.refuse(position, reason);
            has_failure = true;
        } else if !name.is_empty() {
            end(begun.take(), sheet);
            begun = Some(Begun {
                position: position.clone(),
                package,
                name,
                awaits_result: line.contains('\t') || is_result(line),
                results: measures(rest)
                    .map(|found| (position, found))
                    .into_iter()
                    .collect(),
            });
        } else if let Some(path) = line.strip_prefix("pkg:") {
            end(begun.take(), sheet);
            package = path.trim();
            has_failure = false;
        } else if let Some(failed) = line.strip_prefix("FAIL\t") {
            end(begun.take(), sheet);
            if !has_failure {
                sheet.refuse(position, format!("{} failed", failed.replace('\t', " ")));
            }
            has_failure = false;
        } else if line == "PASS" {
            end(begun.take(), sheet);
        } else if line.contains("Benchmark") && line.contains("ns/op") {
            end(begun.take(), sheet);
            let reason = "something was printed in front of a result, so it is left out";
            sheet.refuse(position, reason);
        } else if let Some(begun) = &mut begun
            && let Some(width) = line.find('\t')
        {
            let found = measures(line).filter(|_| width >= ITERATIONS_WIDTH);
            if found.is_some() || line.contains("ns/op") {
                let found = found.unwrap_or_default();
                begun.results.push((position, found));
            }
        }
    }
    end(begun, sheet);
}

/// The least width of the iterations in the line of a result.
const ITERATIONS_WIDTH: usize = 8;

/// The name of the benchmark that a line begins with, and what is behind it: a result, or a tab and what was printed.
fn name_of(line: &str) -> Option<(&str, &str)> {
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_name = name
        .strip_prefix("Benchmark")
        .is_some_and(|name| !name.starts_with(char::is_lowercase));
    let printed = rest.trim_start_matches(' ');
    let is_line = printed.is_empty() || printed.starts_with('\t') || begins_with_number(rest);
    (is_name && is_line).then_some((name, rest))
}

/// Whether a line has the result of a benchmark: a name, the iterations, then values with their units.
pub(super) fn is_result(line: &str) -> bool {
    name_of(line).is_some_and(|(_, rest)| begins_with_number(rest))
}

fn begins_with_number(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.next().is_some_and(|word| word.parse::<u64>().is_ok())
}

/// The failure that a line tells of: what failed, where one thing did, and the reason in words.
fn failure(line: &str) -> Option<(Option<&str>, String)> {
    let line = line.trim_start_matches([' ', '\t']);
    if let Some(failed) = line.strip_prefix("--- FAIL: ") {
        return Some((Some(failed), format!("{failed} failed")));
    }
    let crashed = line.starts_with("panic: ") || line.starts_with("fatal error: ");
    crashed.then(|| (None, format!("the benchmarks crashed: {line}")))
}

/// The values and units behind the number of iterations; none where it is something else.
fn measures(text: &str) -> Option<Vec<&str>> {
    let mut words = text.split_whitespace();
    words.next()?.parse::<u64>().ok()?;
    let measures: Vec<&str> = words.collect();
    let (pairs, rest) = measures.as_chunks::<2>();
    let fits = rest.is_empty() && pairs.iter().all(|[_, unit]| number(unit).is_none());
    (fits && !pairs.is_empty()).then_some(measures)
}

/// Enters the result of a benchmark, once all that it printed is known.
fn end(begun: Option<Begun<'_>>, sheet: &mut Sheet) {
    let Some(begun) = begun else { return };
    let name = begun.name;
    match begun.results.as_slice() {
        [(position, measures)] if !measures.is_empty() => {
            enter(&begun, measures, position, sheet);
        }
        [] | [_] if begun.awaits_result => {
            let reason = format!("`{name}` has no pairs of a value and its unit");
            sheet.refuse(begun.position, reason);
        }
        [] | [_] => {}
        _ => {
            let reason = format!("`{name}` printed what may be a result too, so it is left out");
            sheet.refuse(begun.position, reason);
        }
    }
}

fn enter(begun: &Begun<'_>, measures: &[&str], position: &Position, sheet: &mut Sheet) {
    let benchmark = begun.name;
    let name = if begun.package.is_empty() {
        benchmark.to_owned()
    } else {
        format!("{}.{benchmark}", begun.package)
    };
    for [value, written] in measures.as_chunks().0 {
        let Some(value) = number(value) else {
            let reason = format!("`{value}` is not a finite number");
            sheet.refuse(position.clone(), reason);
            continue;
        };
        // Of `p99-ns` the last word is the unit.
        let (measure, unit) = match written.rsplit_once('-') {
            Some((measure, unit)) => (measure, Unit::parse(unit)),
            None => (*written, Unit::parse(written)),
        };
        let name = if *written == "ns/op" {
            name.clone()
        } else {
            format!("{name} {measure}")
        };
        sheet.enter(position, &name, &unit, &[value]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, read_as, summary};
    use crate::figures::{Format, Options};

    fn go() -> Options {
        Options {
            format: Some(Format::Go),
            ..Options::default()
        }
    }

    #[test]
    fn packages_tell_benchmarks_apart_and_repeated_lines_are_values() {
        let text = "goos: linux\npkg: example.org/a\nBenchmarkSum-8   \t100\t 34.5 ns/op\t 232.15 MB/s\t 8 B/op\t 1 allocs/op\nBenchmarkSum-8 100 40 ns/op\nPASS\nok  \texample.org/a\t0.012s\npkg: example.org/b\nBenchmarkSum-8 1 2000000000 ns/op\nBenchmarkSum/size=8-8 100 1 ns/op 12.5 p99-ns\n";
        assert_eq!(
            summary(read("go.txt", text)),
            [
                "example.org/a.BenchmarkSum-8 [s, less] 0.0000000345 0.00000004",
                "example.org/a.BenchmarkSum-8 MB/s [MB/s, more] 232.15",
                "example.org/a.BenchmarkSum-8 B/op [B/op, less] 8",
                "example.org/a.BenchmarkSum-8 allocs/op [allocs/op, less] 1",
                "example.org/b.BenchmarkSum-8 [s, less] 2",
                "example.org/b.BenchmarkSum/size=8-8 [s, less] 0.000000001",
                "example.org/b.BenchmarkSum/size=8-8 p99 [s, less] 0.0000000125",
            ]
        );
    }

    #[test]
    fn other_lines_are_passed_over_and_odd_ones_are_flaws() {
        let text = "BenchmarkA\nBenchmarkA-2 100 5 ns/op\nBenchmarkB-2 100 5\nBenchmarkC-2 100 1,234 ns/op\n--- FAIL: BenchmarkD\nbenchmark x\n";
        let (readings, found) = read("go.txt", text);
        assert_eq!(readings.len(), 1);
        assert_eq!(
            flaws((readings, found)),
            [
                "go.txt:3:1: `BenchmarkB-2` has no pairs of a value and its unit",
                "go.txt:4:1: `1,234` is not a finite number",
                "go.txt:5:1: BenchmarkD failed",
            ]
        );
    }

    #[test]
    fn a_result_may_stand_behind_what_the_benchmark_printed() {
        let text = "pkg: a\nBenchmarkA-2   \tbegin\n7 rows\n     100\t       5.0 ns/op\t       8 B/op\nBenchmarkB-2   \t3 rows\n     100\t       6.0 ns/op\nPASS\n";
        assert_eq!(
            summary(read_as(&go(), "go.txt", text)),
            [
                "a.BenchmarkA-2 [s, less] 0.000000005",
                "a.BenchmarkA-2 B/op [B/op, less] 8",
                "a.BenchmarkB-2 [s, less] 0.000000006",
            ]
        );
    }

    #[test]
    fn what_may_not_be_the_result_is_no_figure() {
        for (printed, flaw) in [
            (
                "3 2 rows\n     100\t       5.0 ns/op",
                "`BenchmarkA-2` printed what may be a result too, so it is left out",
            ),
            (
                "7 3     100\t       5.0 ns/op",
                "`BenchmarkA-2` has no pairs of a value and its unit",
            ),
            (
                "done     100\t       5.0 ns/op",
                "`BenchmarkA-2` has no pairs of a value and its unit",
            ),
            (
                "1\t2 rows\ndone     100\t       5.0 ns/op",
                "`BenchmarkA-2` printed what may be a result too, so it is left out",
            ),
            ("--- FAIL: BenchmarkA-2", "BenchmarkA-2 failed"),
            ("panic: boom", "the benchmarks crashed: panic: boom"),
            // What Go prints where it ends before the panic of the benchmark is printed.
            (
                "       0\t               NaN ns/op",
                "`NaN` is not a finite number",
            ),
        ] {
            let text = format!("BenchmarkA-2   \t{printed}\nPASS\n");
            let read = read_as(&go(), "go.txt", &text);
            assert!(read.0.is_empty(), "{printed}");
            assert_eq!(flaws(read), [format!("go.txt:1:1: {flaw}")], "{printed}");
        }
    }

    #[test]
    fn what_is_complete_stays_where_something_else_fails() {
        for failure in [
            "PASS\nok\ta\t0.1s\n--- FAIL: TestB (0.00s)",
            "--- FAIL: BenchmarkAB",
            "BenchmarkAB \t--- FAIL: BenchmarkAB",
        ] {
            let text = format!("BenchmarkA \t     100\t       5.0 ns/op\n{failure}\nFAIL\n");
            let (readings, found) = read("go.txt", &text);
            assert_eq!((readings.len(), found.len()), (1, 1), "{failure}");
        }
    }

    #[test]
    fn a_package_that_failed_is_a_flaw_once() {
        let text = "pkg: a\nBenchmarkA-2 100 5 ns/op\nBenchmarkB-2 \tpanic: boom\n\ngoroutine 1 [running]:\nexit status 2\nFAIL\ta\t0.1s\nFAIL\tb [build failed]\nFAIL\n";
        let (readings, found) = read("go.txt", text);
        assert_eq!(readings.len(), 1);
        assert_eq!(
            flaws((readings, found)),
            [
                "go.txt:3:1: the benchmarks crashed: panic: boom",
                "go.txt:8:1: b [build failed] failed",
            ]
        );
    }
}
