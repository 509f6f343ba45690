//! The words of a run, whoever reads them: what ran, how it ended, how long it took, and the table at the end.

use std::time::Duration;

use crate::config::human_duration;
use crate::instance::{InstanceId, LeaseToken};
use crate::phase::Stage;
use crate::report::{Release, RunReport};

/// The end of a deed of collector's own.
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
pub fn steps(report: &RunReport) -> Vec<String> {
    let mut rows = vec![RunReport::COLUMNS.map(str::to_owned)];
    rows.extend(report.rows());
    aligned(&rows)
}

/// What came home, and where it is.
pub fn results(report: &RunReport) -> Vec<String> {
    let mut lines = vec![report.collected.to_string()];
    if let Some(directory) = &report.directory {
        lines.push(format!("results  {}", directory.display()));
    }
    if let Some(archive) = &report.archive {
        lines.push(format!("archive  {}", archive.display()));
    }
    lines
}

/// After how long it ended, and whether the instance is gone.
pub fn ending(report: &RunReport) -> String {
    let took = human_duration(report.took());
    match (&report.released, &report.instance) {
        (Release::Terminated, Some(instance)) => {
            format!("after {took}, instance {} is gone", instance.id)
        }
        (Release::Terminated, None) => format!("after {took}, its instance is gone"),
        (Release::NothingLaunched, _) => format!("after {took}, nothing was launched"),
        (Release::Unconfirmed { .. }, _) => format!("(the run took {took})"),
    }
}

/// What is said last when an instance may have been left behind: what to look for, where, and how.
pub fn leaked(id: Option<&InstanceId>, region: &str, lease: &LeaseToken) -> String {
    match id {
        Some(id) => format!(
            "instance {id} in {region} may still be running and cost money: {}",
            id.console_url(region)
        ),
        None => format!(
            "an instance with the tag collector:lease={lease} may be running in {region} and cost money: {}",
            lease.console_url(region)
        ),
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
