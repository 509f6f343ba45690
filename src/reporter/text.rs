//! The text of a run, whoever reads it: what ran, how it ended, how long it took, and the table at the end.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanBytes;
use jiff::Timestamp;

use crate::arm::Arm;
use crate::config::human_duration;
use crate::instance::LOCAL_REGION;
use crate::instance::{Dollars, InstanceId, LeaseToken, Resource, RunId};
use crate::phase::Stage;
use crate::report::{Diagnostic, Release, RunReport, SampleReport, time_outs, utc_to_the_second};
use crate::step::ScriptPath;

/// The mark of a line that a script wrote.
const QUOTED: &str = "  | ";

/// Why a script failed, as its log has it: a heading, the last lines, and where the others are.
pub fn step_failed(failure: &Diagnostic, log: &Path) -> (String, Vec<String>) {
    let Diagnostic {
        message,
        hint,
        last_lines,
        ..
    } = failure;
    let heading = match last_lines.as_slice() {
        [] => format!("{message}; its log is empty"),
        _ => format!("{message}; its log ends with"),
    };
    let mut lines: Vec<String> = last_lines
        .iter()
        .map(|line| format!("{QUOTED}{line}").trim_end().to_owned())
        .collect();
    lines.push(format!("whole log  {}", log.display()));
    lines.extend(hint.as_ref().map(|hint| format!("hint: {hint}")));
    (heading, lines)
}

/// The end of a built-in stage. One that took no time at all was not carried out by this run.
pub fn stage_ended(stage: Stage, ok: bool, took: Duration) -> String {
    let verdict = if ok { "done" } else { "failed" };
    if took.is_zero() {
        format!("{stage}: {verdict}")
    } else {
        format!("{stage}: {verdict} after {}", human_duration(took))
    }
}

/// A script, and the revision that it runs for.
pub fn script_of(script: &ScriptPath, arm: Option<Arm>) -> String {
    arm.map_or_else(|| script.to_string(), |arm| format!("{script} ({arm})"))
}

/// The end of a script behind its outcome: the exit status, where it says more than that, and the time.
pub fn after_outcome(exit_code: Option<i32>, took: Duration) -> String {
    let status = match exit_code {
        Some(code) if code != 0 => format!(" with status {code}"),
        _ => String::new(),
    };
    format!("{status} after {}", human_duration(took))
}

/// The time that something has taken so far, in whole seconds.
pub fn elapsed(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => human_duration(Duration::from_secs(seconds)),
    }
}

/// Text from outside with nothing in it that a terminal acts on: control characters, and those that turn the direction
/// of writing, are shown as escapes.
pub fn printable(text: &str) -> String {
    let acts = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The escape sequence after which what a script wrote has no colour any more.
pub const RESET: &[u8] = b"\x1b[0m";

/// Whether output may have changed the colour of what follows.
pub fn is_styled(output: &[u8]) -> bool {
    output.contains(&b'\x1b')
}

/// Output with line breaks in lines that are longer than `limit`, in bytes; `column` is where it begins and ends.
pub fn with_line_breaks(output: &[u8], column: &mut usize, limit: usize) -> Vec<u8> {
    let mut broken = Vec::with_capacity(output.len());
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let mut rest = line;
        while let Some((head, tail)) = rest.split_at_checked(limit.saturating_sub(*column))
            && !matches!(tail, [] | [b'\n'])
        {
            // A character is not torn apart: at most three bytes stay for the next line.
            let torn = tail.first().is_some_and(|byte| byte & 0xc0 == 0x80);
            let start = |byte: &u8| byte & 0xc0 != 0x80;
            let end = match head.iter().rposition(start) {
                Some(start) if torn && head.len() - start < 4 => start,
                _ => head.len(),
            };
            let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            broken.extend(line);
            broken.push(b'\n');
            *column = 0;
            rest = tail;
        }
        broken.extend(rest);
        *column = match rest.last() {
            Some(b'\n') => 0,
            _ => *column + rest.len(),
        };
    }
    broken
}

/// A table of the steps, a line each, columns side by side where there is the width for it.
pub fn steps(report: &SampleReport, width: Option<usize>) -> Vec<String> {
    table(&SampleReport::COLUMNS, &report.rows(), width)
}

/// The number of collected files, and where they are.
pub fn results(report: &SampleReport) -> Vec<String> {
    let mut lines = vec![report.collected.to_string()];
    if let Some(directory) = &report.directory {
        lines.push(format!("results  {}", directory.display()));
    }
    if let Some(archive) = &report.archive {
        lines.push(format!("archive  {}", archive.path.display()));
    }
    if let Some(stored) = &report.stored {
        lines.push(format!("bucket   {stored}"));
    }
    lines
}

/// The table of a run: a line a step of its only sample, or a line a sample, and where the results are.
pub fn closing(report: &RunReport, width: Option<usize>) -> Vec<String> {
    if let [sample] = report.samples.as_slice() {
        let mut lines = steps(sample, width);
        lines.push(String::new());
        lines.extend(results(sample));
        return lines;
    }
    let heads = ["sample", "instance", "result", "files", "size", "time"];
    let rows = report.samples.iter().map(|sample| {
        let instance = sample.instance.as_ref();
        [
            sample.sample.to_string(),
            instance.map_or_else(|| "-".into(), |instance| instance.id.to_string()),
            sample.result(),
            sample.collected.files.to_string(),
            HumanBytes(sample.collected.bytes).to_string(),
            human_duration(sample.took()),
        ]
    });
    let mut lines = table(&heads, &rows.collect::<Vec<_>>(), width);
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

/// After how long it ended, what ran out of time, whether the instances are gone, and what they have cost.
pub fn ending(report: &RunReport) -> String {
    let cost = report.cost();
    let cost = cost.map_or_else(String::new, |cost| format!(" (about {cost})"));
    let took = human_duration(report.took());
    let late = time_outs(&report.timed_out());
    match whereabouts(report) {
        Some(whereabouts) => format!("after {took}{late}; {whereabouts}{cost}"),
        None => format!("(the run took {took}){late}{cost}"),
    }
}

/// Where the instances are; none where the outcome says that nobody knows.
fn whereabouts(report: &RunReport) -> Option<String> {
    let released = |wanted: fn(&Release) -> bool| {
        let samples = report.samples.iter();
        samples.filter(|sample| wanted(&sample.released)).count()
    };
    if released(|release| matches!(release, Release::Unconfirmed { .. })) > 0 {
        return None;
    }
    let gone = released(|release| *release == Release::Terminated);
    let kept = released(|release| matches!(release, Release::Kept { .. }));
    Some(match (gone, report.samples.as_slice()) {
        (
            _,
            [
                SampleReport {
                    released: Release::Kept { id, until },
                    ..
                },
            ],
        ) => {
            format!("instance {id} stays until {}", utc_to_the_second(*until))
        }
        (gone, _) if kept > 0 => format!("{gone} instances are gone, {kept} stay for a while"),
        (0, _) => "nothing was launched".into(),
        (_, [sample]) => match &sample.instance {
            Some(instance) => format!("instance {} is gone", instance.id),
            None => "its instance is gone".into(),
        },
        (1, _) => "its one instance is gone".into(),
        (gone, _) => format!("all {gone} instances are gone"),
    })
}

/// A resource that stays for a while, and who deletes it.
pub fn remains(resource: &Resource, region: &str, run: &RunId) -> String {
    if !matches!(resource, Resource::SecurityGroup(_)) {
        return format!(
            "{resource} in {region} is left, and its storage costs money: `collect reap --run {run} --region {region}` deletes it"
        );
    }
    format!(
        "{resource} in {region} can be deleted when its instances are gone: the post step of a job or `collect reap --run {run} --region {region}` does it; it costs nothing"
    )
}

/// An instance that stays: until when, and the commands that lead to it.
pub fn kept(
    id: &InstanceId,
    region: &str,
    until: Timestamp,
    run: &RunId,
    sample: Option<u32>,
    price_per_hour: Option<Dollars>,
) -> Vec<String> {
    let end = utc_to_the_second(until);
    let (costs, option) = if region == LOCAL_REGION {
        (String::new(), " --local".to_owned())
    } else {
        let price = price_per_hour.map(|price| format!("{price} an hour"));
        let price = price.unwrap_or_else(|| "money".into());
        (format!(" and costs {price}"), format!(" --region {region}"))
    };
    let which = sample.map_or_else(String::new, |sample| format!(" --sample {sample}"));
    vec![
        format!("instance {id} in {region} stays until {end}{costs}, then it ends itself"),
        format!("look at it     collect ssh {run}{which}"),
        format!("collect again  collect fetch {run}{which}"),
        format!("end it now     collect reap --run {run}{option}"),
    ]
}

/// A shell on an instance: how to leave it, and how long the instance lives.
pub fn shell_opened(id: &InstanceId, until: Timestamp) -> String {
    let end = utc_to_the_second(until);
    format!(
        "a shell on {id}: the run goes on when it ends (`exit`); the instance ends itself at {end}"
    )
}

/// The last lines when an instance may have been left behind: what to look for, where, how, and when it is over.
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
    match url {
        Some(url) => format!(
            "{instance} in {region} may be running and cost money until it ends itself at {end}: {url}"
        ),
        None => format!("{instance} in {region} may be running until it ends itself at {end}"),
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

/// A table; where it is wider than `width`, a line for each cell that is not empty, behind the head of its column.
pub fn table<const N: usize>(
    heads: &[&str; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> Vec<String> {
    let heads = heads.map(str::to_owned);
    let table: Vec<_> = [&heads].into_iter().chain(rows).cloned().collect();
    let lines = aligned(&table);
    let fits = |width| lines.iter().all(|line| line.chars().count() <= width);
    if width.is_none_or(fits) {
        return lines;
    }
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let cells = heads.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let cells: Vec<_> = cells
            .map(|(head, cell)| [head.clone(), cell.clone()])
            .collect();
        lines.extend(aligned(&cells));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_too_wide_becomes_a_list() {
        let rows = [["v1", "", "12"], ["v2", "x", "3"]].map(|row| row.map(str::to_owned));
        let shown = |width| table(&["revision", "note", "files"], &rows, width);
        let wide = [
            "revision  note  files",
            "v1              12",
            "v2        x     3",
        ];
        assert_eq!(shown(None), wide);
        assert_eq!(shown(Some(21)), wide);
        assert_eq!(
            shown(Some(20)),
            [
                "revision  v1",
                "files     12",
                "",
                "revision  v2",
                "note      x",
                "files     3"
            ]
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), ["a    bb", "ccc  d"]);
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_passes() {
        let title = "\x1b]0;owned\x07a\u{9b}31m\tb\nc\r\u{202e}";
        assert_eq!(
            printable(title),
            "\\u{1b}]0;owned\\u{7}a\\u{9b}31m\tb\nc\\u{d}\\u{202e}"
        );
        assert_eq!(printable("grün … ✓"), "grün … ✓");
    }

    #[test]
    fn long_lines_are_broken_between_characters() {
        let mut column = 0;
        let mut broken = |text: &str| {
            let broken = with_line_breaks(text.as_bytes(), &mut column, 4);
            (String::from_utf8(broken).unwrap(), column)
        };
        assert_eq!(broken("abcd\nab"), ("abcd\nab".into(), 2));
        assert_eq!(broken("cdefghi"), ("cd\nefgh\ni".into(), 1));
        assert_eq!(broken("\nabcé"), ("\nabc\né".into(), 2));
        assert_eq!(broken("\n"), ("\n".into(), 0));
        let mut column = 0;
        let bytes = with_line_breaks(&[0x80; 9], &mut column, 4);
        assert_eq!((bytes.len(), column), (11, 1));
    }

    #[test]
    fn a_launch_that_was_only_searched_for_took_no_time() {
        assert_eq!(
            stage_ended(Stage::Terminate, true, Duration::ZERO),
            "terminate: done"
        );
    }

    #[test]
    fn what_an_instance_costs_is_said_where_it_is_known() {
        let until = "2026-11-22T20:00:00Z".parse().unwrap();
        let (id, run) = (InstanceId::new("i-1"), RunId::new("run"));
        let first = |region, price: &str| {
            kept(&id, region, until, &run, None, Dollars::parse(price)).remove(0)
        };
        let stays = "stays until 2026-11-22T20:00:00Z";
        assert_eq!(
            first("eu-west-1", "0.0969000000"),
            format!(
                "instance i-1 in eu-west-1 {stays} and costs $0.0969 an hour, then it ends itself"
            )
        );
        assert_eq!(
            first("eu-west-1", "?"),
            format!("instance i-1 in eu-west-1 {stays} and costs money, then it ends itself")
        );
        assert!(first(LOCAL_REGION, "?").ends_with(&format!("{stays}, then it ends itself")));
    }

    #[test]
    fn what_is_left_of_a_rehearsal_costs_nothing_and_is_on_no_page() {
        let end = "2026-11-22T20:00:00Z".parse().unwrap();
        let (id, lease) = (InstanceId::new("local-1"), LeaseToken::new("run-1"));
        assert_eq!(
            leaked(Some(&id), LOCAL_REGION, &lease, end),
            "instance local-1 in local may be running until it ends itself at 2026-11-22T20:00:00Z"
        );
    }

    #[test]
    fn seconds_are_whole_while_they_pass() {
        let elapsed = |millis| elapsed(Duration::from_millis(millis));
        assert_eq!(elapsed(900), "0s");
        assert_eq!(elapsed(59_999), "59s");
        assert_eq!(elapsed(252_300), "4m12s");
    }
}
