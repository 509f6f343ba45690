//! The table of a comparison as text, as wide as there are columns for it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use console::measure_text_width;

use super::text::{aligned, printable};
use crate::arm::Arm;
use crate::comparison::hosts::Difference;
use crate::comparison::{Comparison, Row, Verdict};

/// With more rows without a difference, only the first of them are shown.
const MOST_WITHOUT_DIFFERENCE: usize = 20;
const FIRST_WITHOUT_DIFFERENCE: usize = 5;

/// The least columns for a name in each form of the table, the widest form first.
const LEAST_NAME: [usize; 3] = [24, 12, 8];

/// The space between two columns.
const GAP: &str = "  ";

/// A line, and the verdict that colours it.
pub type Line = (Option<Verdict>, String);

/// The answer, the table and what limits it, in `width` columns; every row where `all` are wanted.
pub fn table(comparison: &Comparison, width: Option<usize>, all: bool) -> Vec<Line> {
    let without = comparison.of(Verdict::NoDifference).count();
    let folded = if all || without <= MOST_WITHOUT_DIFFERENCE {
        0
    } else {
        without - FIRST_WITHOUT_DIFFERENCE
    };
    // Rows without a difference come last.
    let shown = comparison.rows.len() - folded;
    let rows: Vec<&Row> = comparison.rows.iter().take(shown).collect();
    let mut lines = vec![(None, comparison.sentence())];
    if !rows.is_empty() {
        lines.push((None, String::new()));
        lines.extend(body(&rows, &comparison.head_of_changes(), width));
    }
    if folded > 0 {
        let more = format!(
            "and {folded} more without a difference; `--all` of `compare` and `merge` shows them"
        );
        lines.push((None, more));
    }
    let remarks = remarks(comparison, &rows);
    if !remarks.is_empty() {
        lines.push((None, String::new()));
    }
    lines.extend(remarks.into_iter().map(|remark| (None, remark)));
    lines
}

/// The facts that the hosts of two sides differ in, a line each.
pub fn hosts(differences: &[Difference]) -> Vec<String> {
    if differences.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![["the hosts differ", "baseline", "candidate", "means"].map(str::to_owned)];
    rows.extend(differences.iter().map(|difference| {
        let side = |values: &BTreeSet<String>| {
            let values = values.iter().map(|value| one_line(value));
            values.collect::<Vec<_>>().join(", ")
        };
        [
            one_line(&difference.fact),
            side(&difference.baseline),
            side(&difference.candidate),
            difference.meaning(),
        ]
    }));
    aligned(&rows)
}

/// The rows in the widest form that fits, or a line for each cell where none does.
fn body(rows: &[&Row], change: &str, width: Option<usize>) -> Vec<Line> {
    let names: Vec<String> = rows.iter().map(|row| one_line(&row.name)).collect();
    let longest = names.iter().map(|name| measure_text_width(name)).max();
    let longest = longest.unwrap_or(0).max("figure".len());
    let forms = [wide, medium, narrow].into_iter().zip(LEAST_NAME);
    for (form, least) in forms {
        let columns = form(rows, change);
        let taken: usize = columns
            .iter()
            .map(|column| column.width() + GAP.len())
            .sum();
        let room = width.map_or(longest, |width| width.saturating_sub(taken));
        if room >= least.min(longest) {
            return lines(rows, &names, room.min(longest), &columns);
        }
    }
    let columns = medium(rows, change);
    let mut lines = Vec::new();
    for (index, (row, name)) in rows.iter().zip(names).enumerate() {
        let name = width.map_or_else(|| name.clone(), |width| shortened(&name, width));
        lines.push((Some(row.verdict), name));
        let cells = columns.iter().map(|column| {
            let cell = column.cells.get(index).cloned().unwrap_or_default();
            [format!("{GAP}{}", column.head), cell]
        });
        let cells = aligned(&cells.collect::<Vec<_>>());
        lines.extend(cells.into_iter().map(|line| (None, line)));
    }
    lines
}

fn lines(rows: &[&Row], names: &[String], room: usize, columns: &[Column]) -> Vec<Line> {
    let line = |name: &str, cell: &dyn Fn(&Column) -> String| {
        let mut line = padded(&shortened(name, room), room);
        for column in columns {
            let cell = cell(column);
            let gap = column.width().saturating_sub(measure_text_width(&cell));
            let (before, after) = if column.right { (gap, 0) } else { (0, gap) };
            line += GAP;
            line.extend(std::iter::repeat_n(' ', before));
            line += &cell;
            line.extend(std::iter::repeat_n(' ', after));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![(None, line("figure", &|column| column.head.clone()))];
    for (index, (row, name)) in rows.iter().zip(names).enumerate() {
        let cell = |column: &Column| column.cells.get(index).cloned().unwrap_or_default();
        lines.push((Some(row.verdict), line(name, &cell)));
    }
    lines
}

/// A column with a cell for each row.
struct Column {
    head: String,
    right: bool,
    cells: Vec<String>,
}

impl Column {
    fn new(head: &str, rows: &[&Row], cell: impl Fn(&Row) -> String) -> Self {
        Self {
            head: head.to_owned(),
            right: false,
            // A unit is from outside as well.
            cells: rows.iter().map(|row| one_line(&cell(row))).collect(),
        }
    }

    fn right(self) -> Self {
        Self {
            right: true,
            ..self
        }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| measure_text_width(cell));
        cells.max().unwrap_or(0).max(measure_text_width(&self.head))
    }
}

fn value(rows: &[&Row], head: &str, side: usize) -> Column {
    let cell = move |row: &Row| row.values().into_iter().nth(side).unwrap_or_default();
    Column::new(head, rows, cell).right()
}

fn wide(rows: &[&Row], change: &str) -> Vec<Column> {
    vec![
        Column::new("verdict", rows, Row::verdict_with_reach),
        Column::new(change, rows, Row::change),
        value(rows, "baseline", 0),
        value(rows, "candidate", 1),
        Column::new("noise A/A, B/B", rows, Row::noise_of_both),
    ]
}

fn medium(rows: &[&Row], change: &str) -> Vec<Column> {
    vec![
        Column::new("verdict", rows, |row| row.verdict.to_string()),
        Column::new(change, rows, Row::change),
        value(rows, "baseline", 0),
        value(rows, "candidate", 1),
        Column::new("noise", rows, Row::noise),
    ]
}

fn narrow(rows: &[&Row], change: &str) -> Vec<Column> {
    vec![
        Column::new("verdict", rows, |row| row.verdict.to_string()),
        Column::new(change, rows, Row::change),
        Column::new("noise", rows, Row::noise),
    ]
}

/// The limits of the rows that are shown, and the figures that were not compared.
fn remarks(comparison: &Comparison, rows: &[&Row]) -> Vec<String> {
    let common = comparison.common_reasons().into_iter().map(one_line);
    let mut remarks: Vec<String> = common.collect();
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        for reason in comparison.own_reasons(row) {
            match reasons.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, names)) => names.push(&row.name),
                None => reasons.push((reason, vec![&row.name])),
            }
        }
    }
    reasons.sort_by_key(|(_, names)| Reverse(names.len()));
    let reasons = reasons.into_iter();
    remarks
        .extend(reasons.map(|(reason, names)| format!("{}: {}", one_line(reason), some(&names))));
    for arm in Arm::BOTH {
        let names = comparison
            .one_sided
            .iter()
            .filter(|figure| figure.arm == arm);
        let names: Vec<&str> = names.map(|figure| figure.name.as_str()).collect();
        if !names.is_empty() {
            remarks.push(format!("only the {arm} has: {}", some(&names)));
        }
    }
    remarks
}

/// The first of some names, and how many more there are.
fn some(names: &[&str]) -> String {
    const MOST: usize = 3;
    let mut shown: Vec<String> = names
        .iter()
        .take(MOST)
        .map(|name| shortened(&one_line(name), LEAST_NAME[0]))
        .collect();
    if names.len() > MOST {
        shown.push(format!("and {} more", names.len() - MOST));
    }
    shown.join(", ")
}

/// A text from outside on one line, with nothing in it that a terminal acts on.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" "))
}

fn padded(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(measure_text_width(text));
    format!("{text}{}", " ".repeat(gap))
}

/// A name in so many columns, with its middle left out where it is longer: its end tells it from others as well as its beginning.
fn shortened(name: &str, width: usize) -> String {
    if measure_text_width(name) <= width {
        return name.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut head = String::new();
    let mut tail: Vec<char> = Vec::new();
    let mut chars = name.chars();
    let mut left = room;
    let columns = |c: char| measure_text_width(c.encode_utf8(&mut [0; 4]));
    loop {
        let (taken, front) =
            if measure_text_width(&head) <= room / 2 && head.chars().count() <= tail.len() {
                (chars.next(), true)
            } else {
                (chars.next_back(), false)
            };
        let Some(c) = taken.filter(|c| columns(*c) <= left) else {
            break;
        };
        left -= columns(c);
        if front {
            head.push(c);
        } else {
            tail.push(c);
        }
    }
    format!("{head}…{}", tail.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests;
