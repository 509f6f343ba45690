//! The words of a run, whoever reads them: what ran, how it ended, how long it took, and the table at the end.

use std::time::Duration;

use indicatif::HumanBytes;
use jiff::Timestamp;

use crate::config::human_duration;
use crate::instance::LOCAL_REGION;
use crate::instance::{InstanceId, LeaseToken, Resource, RunId};
use crate::phase::Stage;
use crate::report::{Release, RunReport, SampleReport, utc_to_the_second};

/// The end of a built-in stage.
pub fn stage_ended(stage: Stage, ok: bool, took: Duration) -> String {
    let verdict = if ok { "done" } else { "failed" };
    format!("{stage}: {verdict} after {}", human_duration(took))
}

/// The exit status of a script behind its outcome, where it says more than that.
pub fn with_status(exit_code: Option<i32>) -> String {
    match exit_code {
        Some(code) if code != 0 => format!(" with status {code}"),
        _ => String::new(),
    }
}

/// What ran, a line a step, columns side by side.
pub fn steps(report: &SampleReport) -> Vec<String> {
    let mut rows = vec![SampleReport::COLUMNS.map(str::to_owned)];
    rows.extend(report.rows());
    aligned(&rows)
}

/// What came home, and where it is.
pub fn results(report: &SampleReport) -> Vec<String> {
    let mut lines = vec![report.collected.to_string()];
    if let Some(directory) = &report.directory {
        lines.push(format!("results  {}", directory.display()));
    }
    if let Some(archive) = &report.archive {
        lines.push(format!("archive  {}", archive.display()));
    }
    lines
}

/// The table of a run: a line a step of its only sample, or a line a sample, and where the results are.
pub fn closing(report: &RunReport) -> Vec<String> {
    if let [sample] = report.samples.as_slice() {
        let mut lines = steps(sample);
        lines.push(String::new());
        lines.extend(results(sample));
        return lines;
    }
    let heads = ["sample", "instance", "result", "files", "size", "time"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(report.samples.iter().map(|sample| {
        let instance = sample.instance.as_ref();
        [
            sample.sample.to_string(),
            instance.map_or_else(|| "-".into(), |instance| instance.id.to_string()),
            sample.outcome.label().to_owned(),
            sample.collected.files.to_string(),
            HumanBytes(sample.collected.bytes).to_string(),
            human_duration(sample.took()),
        ]
    }));
    let mut lines = aligned(&rows);
    lines.push(String::new());
    let results = report
        .samples
        .iter()
        .find_map(|sample| sample.directory.as_ref());
    if let Some(revision) = results.and_then(|results| results.parent()) {
        lines.push(format!("results  {}", revision.display()));
    }
    lines
}

/// After how long it ended, and whether the instances are gone.
pub fn ending(report: &RunReport) -> String {
    let took = human_duration(report.took());
    let released = |wanted: fn(&Release) -> bool| {
        let samples = report.samples.iter();
        samples.filter(|sample| wanted(&sample.released)).count()
    };
    if released(|release| matches!(release, Release::Unconfirmed { .. })) > 0 {
        return format!("(the run took {took})");
    }
    let gone = released(|release| *release == Release::Terminated);
    match (gone, report.samples.as_slice()) {
        (0, _) => format!("after {took}, nothing was launched"),
        (_, [sample]) => match &sample.instance {
            Some(instance) => format!("after {took}, instance {} is gone", instance.id),
            None => format!("after {took}, its instance is gone"),
        },
        (gone, _) => format!("after {took}, all {gone} instances are gone"),
    }
}

/// A resource that stays for a while, and who deletes it.
pub fn remains(resource: &Resource, region: &str, run: &RunId) -> String {
    format!(
        "{resource} in {region} can be deleted when its instances are gone: the post step of a job or `collect reap --run {run} --region {region}` does it; it costs nothing"
    )
}

/// What is said last when an instance may have been left behind: what to look for, where, how, and when it is over.
pub fn leaked(
    id: Option<&InstanceId>,
    region: &str,
    lease: &LeaseToken,
    expires_at: Timestamp,
) -> String {
    let end = utc_to_the_second(expires_at);
    let (instance, url) = match id {
        Some(id) => (format!("instance {id}"), id.console_url(region)),
        None => (
            format!("an instance with the tag collector:lease={lease}"),
            lease.console_url(region),
        ),
    };
    let may = format!(
        "{instance} in {region} may be running and cost money until it ends itself at {end}"
    );
    // What is left of a rehearsal is on this machine.
    if region == LOCAL_REGION {
        may
    } else {
        format!("{may}: {url}")
    }
}

/// Columns side by side, as wide as their widest cell.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), ["a    bb", "ccc  d"]);
    }
}
