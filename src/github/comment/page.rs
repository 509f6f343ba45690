//! What people see of a comment.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::HumanBytes;

use super::super::markdown::{Room, clipped, code, fold, link, list, table, text};
use super::super::{CAUTION, mark, verdict};
use super::{Key, LABEL, Rented, Row};
use crate::config::human_duration;
use crate::report::Outcome;

/// The table has the room that these leave.
const LEAKS: Room = Room {
    lines: 20,
    bytes: 6000,
};
const ERRORS: Room = Room {
    lines: 256,
    bytes: 8000,
};

/// The rows by their labels, as people count: `2` before `10`.
pub(super) fn sorted<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = rows.collect();
    rows.sort_by_cached_key(|row| natural(&row.label));
    rows
}

/// What people see, in at most `room` bytes.
pub(super) fn page(rows: &[&Row], key: &Key, room: usize) -> String {
    let mut above = vec![headline(rows), about(rows, key)];
    above.extend(leaks(rows));
    let above = above.join("\n") + "\n";
    let below = errors(rows)
        .map(|errors| format!("\n{errors}"))
        .unwrap_or_default();
    let room = room.saturating_sub(above.len() + below.len());
    above + &results(rows, room) + &below
}

fn headline(rows: &[&Row]) -> String {
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
        (1, _) => format!("### {}\n", verdict(worst)),
        (all, 0) => format!("### {} all {all} jobs passed\n", mark(worst)),
        (all, bad) => format!("### {} {bad} of {all} jobs did not pass\n", mark(worst)),
    }
}

/// What was measured, by what.
fn about(rows: &[&Row], key: &Key) -> String {
    let mut about = format!(
        "{}, {}",
        text(&clipped(&key.workflow, LABEL)),
        code(&clipped(&key.config, LABEL))
    );
    if let Some(revision) = common_revision(rows) {
        let _ = write!(about, ", revision {}", code(revision));
    }
    if let Some(latest) = rows.iter().max_by_key(|row| row.finished) {
        let _ = write!(about, ", {}", link("workflow run", &latest.run_url));
    }
    about + "\n"
}

/// The revision, if all jobs measured the same.
fn common_revision<'a>(rows: &[&'a Row]) -> Option<&'a str> {
    let first = rows.first()?.revision.as_str();
    rows.iter()
        .all(|row| row.revision == first)
        .then_some(first)
}

fn leaks(rows: &[&Row]) -> Option<String> {
    let items: Vec<String> = rows
        .iter()
        .filter(|row| row.outcome == Outcome::Leaked)
        .map(|row| match &row.instance {
            Some(Rented { id, region, .. }) => format!(
                "instance {} in {} may still be running and cost money: {}",
                code(id.as_str()),
                text(region),
                link("look at it in the AWS console", &id.console_url(region))
            ),
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
fn results(rows: &[&Row], bytes: usize) -> String {
    let room = Room {
        lines: rows.len(),
        bytes,
    };
    let cells = |row: &Row| {
        let instance = row.instance.as_ref().map(|rented| {
            let what = rented
                .instance_type
                .as_deref()
                .unwrap_or(rented.id.as_str());
            format!("{what}, {}", rented.region)
        });
        let results = format!("{} files, {}", row.files, HumanBytes(row.bytes));
        [
            text(&row.label),
            verdict(row.outcome),
            human_duration(Duration::from_secs(row.took)),
            text(&instance.unwrap_or_default()),
            match &row.artifact_url {
                Some(url) => link(&results, url),
                None => results,
            },
        ]
    };
    if common_revision(rows).is_some() {
        let rows: Vec<[String; 5]> = rows.iter().map(|row| cells(row)).collect();
        return table(
            ["job", "result", "time", "instance", "results"],
            &rows,
            "jobs",
            room,
        );
    }
    let rows: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            let [label, outcome, took, instance, results] = cells(row);
            [label, code(&row.revision), outcome, took, instance, results]
        })
        .collect();
    table(
        ["job", "revision", "result", "time", "instance", "results"],
        &rows,
        "jobs",
        room,
    )
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
    (!items.is_empty()).then(|| fold("Errors", &list(&items, "errors", ERRORS)))
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
