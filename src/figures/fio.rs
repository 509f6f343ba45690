//! fio: `--output-format=json`.

use std::collections::BTreeMap;

use super::Direction;
use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// The percentile that is a figure, where fio has it.
const PERCENTILE: &str = "99.000000";

/// Reads operations a second, bytes a second and latencies of each job, for each direction in which it did anything.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let jobs = root.needed_items("jobs", sheet);
    let mut clones: BTreeMap<&str, u32> = BTreeMap::new();
    for job in &jobs {
        *clones
            .entry(job.text("jobname").unwrap_or_default())
            .or_default() += 1;
    }
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    for job in &jobs {
        let Some(title) = job.needed_text("jobname", sheet) else {
            continue;
        };
        let number = numbers.entry(title).or_default();
        *number += 1;
        // Without `group_reporting`, each process of a job is one of its own.
        let name = if clones.get(title).is_some_and(|count| *count > 1) {
            format!("{title} #{number}")
        } else {
            title.to_owned()
        };
        if let Some(error) = job.get("error")
            && error.value.as_i64() != Some(0)
        {
            let reason = format!("the job `{name}` failed with error {}", error.value);
            sheet.refuse(error.position(), reason);
            continue;
        }
        for direction in ["read", "write", "trim", "sync"] {
            if let Some(node) = job.get(direction) {
                read_direction(&format!("{name} {direction}"), &node, sheet);
            }
        }
    }
}

fn read_direction(name: &str, node: &Node<'_>, sheet: &mut Sheet) {
    let operations = node.get("total_ios").and_then(|node| node.value.as_u64());
    let bytes = node.get("io_bytes").and_then(|node| node.value.as_u64());
    if operations.unwrap_or(0) == 0 && bytes.unwrap_or(0) == 0 {
        return;
    }
    for (key, what, unit) in [
        ("iops", "iops", Unit::rate("/s")),
        ("bw_bytes", "bandwidth", Unit::rate("B/s")),
    ] {
        if let Some(node) = node.get(key)
            && let Some(value) = node.number(sheet)
        {
            sheet.enter(&node.position(), &format!("{name} {what}"), &unit, &[value]);
        }
    }
    let time = Unit::nanoseconds().with_better(Direction::Less);
    let latency = |kind: &str| {
        // What was not measured, as with `--disable_lat`, is written as zeros.
        let is_measured = |latency: &Node<'_>| {
            let samples = latency.get("N");
            samples.is_none_or(|samples| samples.value.as_u64() != Some(0))
        };
        node.get(kind).filter(is_measured)
    };
    if let Some(mean) = latency("lat_ns").and_then(|latency| latency.get("mean"))
        && let Some(value) = mean.number(sheet)
    {
        sheet.enter(
            &mean.position(),
            &format!("{name} latency"),
            &time,
            &[value],
        );
    }
    let percentile = ["clat_ns", "lat_ns"]
        .into_iter()
        .find_map(|kind| latency(kind)?.get("percentile")?.get(PERCENTILE));
    if let Some(node) = percentile
        && let Some(value) = node.number(sheet)
    {
        sheet.enter(
            &node.position(),
            &format!("{name} latency p99"),
            &time,
            &[value],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    fn job(name: &str, error: u32) -> String {
        format!(
            r#"{{"jobname": "{name}", "error": {error},
            "read": {{"total_ios": 10, "io_bytes": 40960, "iops": 100.5, "bw_bytes": 4096,
                      "lat_ns": {{"mean": 2500.0}}, "clat_ns": {{"mean": 9.0, "percentile": {{"50.000000": 1, "99.000000": 5000}}}}}},
            "write": {{"total_ios": 0, "io_bytes": 0, "iops": 0.0, "bw_bytes": 0, "lat_ns": {{"mean": 0.0}}}}}}"#
        )
    }

    #[test]
    fn a_direction_in_which_nothing_was_done_is_no_figure() {
        let text = format!(
            "fio: a note in front\n{{\"fio version\": \"fio-3\", \"jobs\": [{}]}}",
            job("j", 0)
        );
        assert_eq!(
            summary(read("fio.json", &text)),
            [
                "j read iops [/s, more] 100.5",
                "j read bandwidth [B/s, more] 4096",
                "j read latency [s, less] 0.0000025",
                "j read latency p99 [s, less] 0.000005",
            ]
        );
    }

    #[test]
    fn processes_of_one_job_have_numbers_and_failed_ones_no_figures() {
        let jobs = [job("j", 0), job("j", 5)].join(",");
        let text = format!("{{\"fio version\": \"fio-3\", \"jobs\": [{jobs}]}}");
        let (readings, found) = read("fio.json", &text);
        assert_eq!(readings.len(), 4);
        assert!(
            readings
                .iter()
                .all(|reading| reading.name.starts_with("j #1 read "))
        );
        assert_eq!(
            flaws((readings, found)),
            ["fio.json: $.jobs[1].error: the job `j #2` failed with error 5"]
        );
    }

    #[test]
    fn a_latency_that_was_not_measured_is_no_figure() {
        let text = format!(
            "{{\"fio version\": \"fio-3\", \"jobs\": [{}]}}",
            job("j", 0)
        );
        let text = text.replace(
            r#""lat_ns": {"mean": 2500.0}, "clat_ns": {"mean": 9.0, "percentile": {"50.000000": 1, "99.000000": 5000}}"#,
            r#""lat_ns": {"mean": 0.0, "N": 0}, "clat_ns": {"mean": 0.0, "N": 0, "percentile": {"50.000000": 0, "99.000000": 0}}"#,
        );
        assert_eq!(
            summary(read("fio.json", &text)),
            [
                "j read iops [/s, more] 100.5",
                "j read bandwidth [B/s, more] 4096"
            ]
        );
    }

    #[test]
    fn two_reports_in_one_file_are_a_flaw() {
        let one = format!(
            "{{\"fio version\": \"fio-3\", \"jobs\": [{}]}}",
            job("j", 0)
        );
        let (readings, found) = read("fio.json", &format!("{one}\n{one}"));
        assert!(readings.is_empty());
        assert!(flaws((readings, found))[0].contains("trailing characters"));
    }
}
