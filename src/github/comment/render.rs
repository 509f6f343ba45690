//! The part of a comment that people see.

use std::time::Duration;

use super::super::markdown::{Budget, clipped, code, details, link, list, table, text};
use super::super::{CAUTION, mark, verdict};
use super::{CommentKey, MAX_LABEL, Machine, Row};
use crate::config::{human_duration, plural};
use crate::report::{Collected, Outcome};
use crate::revision::Commit;

/// The table has the budget that these leave.
const LEAKS: Budget = Budget {
    lines: 20,
    bytes: 6000,
};
/// More errors than these are shown on a click only.
const MAX_OPEN_ERRORS: usize = 3;

const ERRORS: Budget = Budget {
    lines: 256,
    bytes: 8000,
};

/// The rows by their labels, as people count: `2` before `10`.
pub(super) fn sorted<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = rows.collect();
    rows.sort_by_cached_key(|row| natural(&row.label));
    rows
}

/// The part that people see, in at most `budget` bytes.
pub(super) fn render(rows: &[&Row], key: &CommentKey, budget: usize) -> String {
    let common = Common {
        revision: common(rows, |row| row.revision.as_str()),
        place: common(rows, place),
    };
    let mut above = comparisons(rows, budget);
    above.extend([headline(rows), about(rows, key, &common)]);
    above.extend(leaks(rows));
    let above = above.join("\n") + "\n";
    let below = errors(rows)
        .map(|errors| format!("\n{errors}"))
        .unwrap_or_default();
    let budget = budget.saturating_sub(above.len() + below.len());
    above + &results(rows, &common, budget) + &below
}

/// The answers, in half of the budget; each under the name of its job where there are several. Samples of one job have one.
fn comparisons(rows: &[&Row], budget: usize) -> Vec<String> {
    let several = rows.iter().filter(|row| row.comparison.is_some()).count() > 1;
    let mut left = budget / 2;
    let mut shown = Vec::new();
    for row in rows {
        let Some(comparison) = row.comparison.as_ref().filter(|text| text.len() <= left) else {
            continue;
        };
        left -= comparison.len();
        if several {
            shown.push(format!("#### {}\n", text(&row.label)));
        }
        shown.push(comparison.clone());
    }
    shown
}

/// The facts that all rows have in common; they are said once, and need no column.
struct Common<'a> {
    revision: Option<&'a str>,
    place: Option<String>,
}

fn common<'a, T: PartialEq>(rows: &[&'a Row], of: impl Fn(&'a Row) -> T) -> Option<T> {
    let (first, others) = rows.split_first()?;
    let first = of(first);
    others.iter().all(|row| of(row) == first).then_some(first)
}

/// The type of the instance, and where it is.
fn place(row: &Row) -> String {
    let words = |rented: &Machine| {
        let what = rented.instance_type.as_deref();
        format!("{}, {}", what.unwrap_or(rented.id.as_str()), rented.region)
    };
    row.instance.as_ref().map(words).unwrap_or_default()
}

/// The subject of a row: a job, or a sample where a job has several.
fn noun(rows: &[&Row]) -> &'static str {
    if rows.iter().any(|row| row.sample.is_some()) {
        "sample"
    } else {
        "job"
    }
}

fn headline(rows: &[&Row]) -> String {
    let noun = noun(rows);
    let worst = rows
        .iter()
        .map(|row| row.outcome)
        .max()
        .unwrap_or(Outcome::Passed);
    let bad = rows
        .iter()
        .filter(|row| row.outcome != Outcome::Passed)
        .count();
    match (rows.len(), bad) {
        // The only one so far: others of its matrix may still be running.
        (1, 0) if rows.iter().all(|row| row.label.ends_with(')')) => {
            format!("### collector: {} 1 {noun} passed\n", mark(worst))
        }
        (1, _) => {
            let timed_out = rows.iter().map(|row| row.timed_out).sum();
            format!(
                "### collector: {}{}\n",
                verdict(worst),
                time_outs(timed_out)
            )
        }
        _ if worst == Outcome::Slower => format!("### collector: {}\n", verdict(worst)),
        (all, 0) => format!("### collector: {} {all} {noun}s passed\n", mark(worst)),
        (all, bad) => format!(
            "### collector: {} {bad} of {all} {noun}s did not pass\n",
            mark(worst)
        ),
    }
}

/// The number of steps that ran out of time, behind the outcome.
fn time_outs(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" ({} timed out)", plural(count, "step")),
    }
}

/// The revision, and the version of collector.
fn about(rows: &[&Row], key: &CommentKey, common: &Common<'_>) -> String {
    let mut about = vec![
        text(&clipped(&key.workflow, MAX_LABEL)),
        code(&clipped(&key.config, MAX_LABEL)),
    ];
    if common.revision.is_some() {
        about.extend(
            rows.first()
                .map(|row| format!("revision {}", revision(row))),
        );
    }
    if let Some(place) = common.place.as_ref().filter(|place| !place.is_empty()) {
        about.push(text(place));
    }
    if let Some(latest) = rows.iter().max_by_key(|row| row.finished) {
        about.push(link("workflow run", &latest.run_url));
    }
    about.join(", ") + "\n"
}

/// The revision; a commit leads to its page, since GitHub makes no link of it in code.
fn revision(row: &Row) -> String {
    let repository = row.run_url.split_once("/actions/runs/");
    match (repository, Commit::parse(&row.revision)) {
        (Some((repository, _)), Some(commit)) => {
            link(commit.short(), &format!("{repository}/commit/{commit}"))
        }
        _ => code(&row.revision),
    }
}

fn leaks(rows: &[&Row]) -> Option<String> {
    let items: Vec<String> = rows
        .iter()
        .filter(|row| row.outcome == Outcome::Leaked)
        .map(|row| match &row.instance {
            Some(Machine { id, region, .. }) => {
                let costs = id.console_url(region).map_or_else(String::new, |url| {
                    let link = link("look at it in the AWS console", &url);
                    format!(" and cost money: {link}")
                });
                format!(
                    "instance {} in {} may still be running{costs}",
                    code(id.as_str()),
                    text(region)
                )
            }
            None => format!(
                "an instance of {} may be running and cost money: see the {}",
                text(&row.label),
                link("workflow run", &row.run_url)
            ),
        })
        .collect();
    let quoted = |line: &str| format!("> {line}\n");
    (!items.is_empty()).then(|| {
        let list = list(&items, "instances", LEAKS);
        CAUTION.to_owned() + &list.lines().map(quoted).collect::<String>()
    })
}

/// The table.
fn results(rows: &[&Row], common: &Common<'_>, bytes: usize) -> String {
    let budget = Budget {
        lines: rows.len(),
        bytes,
    };
    let more = format!("{}s", noun(rows));
    let columns = [
        (noun(rows), true),
        ("result", true),
        ("time", true),
        ("revision", common.revision.is_none()),
        ("instance", common.place.is_none()),
        ("results", true),
    ];
    let shown = |cells: [String; 6]| -> Vec<String> {
        let cells = columns.iter().zip(cells);
        cells
            .filter_map(|((_, shown), cell)| shown.then_some(cell))
            .collect()
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let collected = Collected {
                files: row.files,
                bytes: row.bytes,
                incomplete: 0,
            };
            let results = collected.to_string();
            let took = match row.took {
                0 => text("< 1s"),
                seconds => human_duration(Duration::from_secs(seconds)),
            };
            shown([
                text(&row.label),
                verdict(row.outcome) + &time_outs(row.timed_out),
                took,
                revision(row),
                text(&place(row)),
                match &row.artifact_url {
                    Some(url) => link(&results, url),
                    None => results,
                },
            ])
        })
        .collect();
    let head = shown(columns.map(|(name, _)| name.to_owned()));
    table(&head, &rows, &more, budget)
}

fn errors(rows: &[&Row]) -> Option<String> {
    let items: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            Some(format!(
                "**{}:** {}",
                text(&row.label),
                text(row.error.as_ref()?)
            ))
        })
        .collect();
    let list = list(&items, "errors", ERRORS);
    match items.len() {
        0 => None,
        1..=MAX_OPEN_ERRORS => Some(list),
        _ => Some(details("Errors", &list)),
    }
}

/// A piece of a name, so that `2` comes before `10`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Its length without leading zeros, and its digits.
    Number(usize, String),
    Letters(String),
}

fn natural(label: &str) -> Vec<Piece> {
    label
        .as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .map(|piece| {
            let piece = String::from_utf8_lossy(piece).into_owned();
            if piece.starts_with(|c: char| c.is_ascii_digit()) {
                Piece::Number(piece.trim_start_matches('0').len(), piece)
            } else {
                Piece::Letters(piece)
            }
        })
        .collect()
}
