//! A comparison as Markdown: the answer in words, the table, and how to see the same again.

use super::markdown::{Budget, clipped, code, details, fenced, link, list, prose, table, text};
use crate::arm::Arm;
use crate::comparison::{Comparison, Row, Verdict};

/// With more rows without a difference, they are shown on a click.
const MAX_OPEN_ROWS: usize = 20;

/// More reasons than these are shown on a click only.
const MAX_OPEN_REASONS: usize = 5;

/// The longest name and the longest unit, in characters.
const MAX_NAME: usize = 160;

/// The bytes that everything but the tables may take.
const BESIDE_TABLES: usize = 9000;

const REASONS: Budget = Budget {
    lines: 50,
    bytes: 4000,
};

/// The origin of a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    /// The command that measures the same again.
    pub command: Option<&'a str>,
    /// The seed of the order of the turns.
    pub seed: Option<u64>,
    /// The page of the job.
    pub job_url: Option<&'a str>,
    /// The page of the uploaded results.
    pub artifact_url: Option<&'a str>,
    /// Where the profiles of a slower candidate lie, in words.
    pub profiles: Option<&'a str>,
}

/// The comparison in at most `budget` bytes; its first line is the answer. Every row leads to where it is from.
pub(crate) fn comparison(comparison: &Comparison, origin: &Origin<'_>, budget: usize) -> String {
    let (open, folded): (Vec<&Row>, Vec<&Row>) = {
        let without = comparison.of(Verdict::NoDifference).count();
        let rows = comparison.rows.iter();
        rows.partition(|row| row.verdict != Verdict::NoDifference || without <= MAX_OPEN_ROWS)
    };
    let for_tables = budget.saturating_sub(BESIDE_TABLES);
    let for_open = if folded.is_empty() {
        for_tables
    } else {
        for_tables / 3 * 2
    };
    let change = text(&comparison.head_of_changes());
    let folded_table = || {
        let heading = format!("{} figures without a difference", folded.len());
        let body = rows(
            &folded,
            &change,
            origin,
            for_tables.saturating_sub(for_open),
        );
        details(&heading, &body)
    };
    let parts = [
        Some(format!("**{}**\n", text(&comparison.sentence()))),
        (!open.is_empty()).then(|| rows(&open, &change, origin, for_open)),
        (!folded.is_empty()).then(folded_table),
        origin.profiles.map(|words| format!("{}\n", prose(words))),
        reasons(comparison),
        reproduction(origin),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The table of these rows, with the head of their changes.
fn rows(rows: &[&Row], change: &str, origin: &Origin<'_>, bytes: usize) -> String {
    let from: Vec<String> = [("job", origin.job_url), ("results", origin.artifact_url)]
        .into_iter()
        .filter_map(|(label, url)| Some(link(label, url?)))
        .collect();
    let from = from.join(", ");
    let mut heads = vec![
        "figure",
        "verdict",
        change,
        "baseline",
        "candidate",
        "noise A/A, B/B",
    ];
    if !from.is_empty() {
        heads.push("from");
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let [baseline, candidate] = row.values();
            let mut cells = vec![
                code(&clipped(&row.name, MAX_NAME)),
                verdict(row),
                text(&row.change()),
                text(&clipped(&baseline, MAX_NAME)),
                text(&clipped(&candidate, MAX_NAME)),
                text(&row.noise_of_both()),
            ];
            if !from.is_empty() {
                cells.push(from.clone());
            }
            cells
        })
        .collect();
    let lines = rows.len();
    table(&heads, &rows, "figures", Budget { lines, bytes })
}

fn verdict(row: &Row) -> String {
    let mark = match row.verdict {
        Verdict::Slower => "🔴 ",
        Verdict::Faster => "🟢 ",
        Verdict::NoVerdict => "⚪ ",
        Verdict::NoDifference => "",
    };
    format!("{mark}{}", text(&row.verdict_with_reach()))
}

/// The limits of the rows, and the figures that were not compared.
fn reasons(comparison: &Comparison) -> Option<String> {
    let mut items: Vec<String> = comparison.common_reasons().into_iter().map(text).collect();
    for row in &comparison.rows {
        let own = comparison.own_reasons(row);
        if !own.is_empty() {
            let own = text(&own.join("; "));
            items.push(format!("{}: {own}", code(&clipped(&row.name, MAX_NAME))));
        }
    }
    items.extend(comparison.one_sided.iter().map(|figure| {
        let side = match figure.arm {
            Arm::Baseline => "only the baseline has it",
            Arm::Candidate => "only the candidate has it",
        };
        format!("{}: {side}", code(&clipped(&figure.name, MAX_NAME)))
    }));
    let body = list(&items, "caveats", REASONS);
    match items.len() {
        0 => None,
        1..=MAX_OPEN_REASONS => Some(body),
        count => Some(details(&format!("{count} caveats"), &body)),
    }
}

/// The commands that measure the same again.
fn reproduction(origin: &Origin<'_>) -> Option<String> {
    let command = origin.command?;
    let seed = origin.seed.map(|seed| {
        format!(
            "\nThe order of the turns was drawn from the seed {}.\n",
            code(&seed.to_string())
        )
    });
    let body = fenced(command) + &seed.unwrap_or_default();
    Some(details("Measure it again", &body))
}

#[cfg(test)]
mod tests;
