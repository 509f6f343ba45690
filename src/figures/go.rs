//! Go: the text of `go test -bench`.

use super::Position;
use super::sheet::{Sheet, number};
use super::unit::Unit;

/// Reads every measure of each benchmark; a line that repeats is a repetition.
pub(super) fn read(text: &str, sheet: &mut Sheet) {
    let mut package = "";
    for (index, line) in text.lines().enumerate() {
        let position = Position::line(index + 1);
        if let Some(name) = line.strip_prefix("pkg:") {
            package = name.trim();
        } else if line.starts_with("--- FAIL: Benchmark") {
            let name = line.trim_start_matches("--- FAIL: ");
            sheet.refuse(position, format!("{name} failed"));
        } else if is_result(line) {
            read_result(line, package, &position, sheet);
        }
    }
}

/// Whether a line has the result of a benchmark: a name, the iterations, then values with their units.
pub(super) fn is_result(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let name = words.next().and_then(|word| word.strip_prefix("Benchmark"));
    name.is_some_and(|name| !name.starts_with(char::is_lowercase))
        && words.next().is_some_and(|word| word.parse::<u64>().is_ok())
}

fn read_result(line: &str, package: &str, position: &Position, sheet: &mut Sheet) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [benchmark, _, measures @ ..] = words.as_slice() else {
        return;
    };
    if measures.is_empty() || !measures.len().is_multiple_of(2) {
        let reason = format!("`{benchmark}` has no pairs of a value and its unit");
        sheet.refuse(position.clone(), reason);
        return;
    }
    let name = if package.is_empty() {
        (*benchmark).to_owned()
    } else {
        format!("{package}.{benchmark}")
    };
    for pair in measures.chunks(2) {
        let [value, written] = pair else { continue };
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
    use super::super::tests::{flaws, read, summary};

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
}
