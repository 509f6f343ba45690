//! The reasons of the rows: those that hold for the whole table are said once.

use super::{Comparison, Row, Verdict};

impl Comparison {
    /// The reasons that hold for the table, which are said once.
    pub fn common_reasons(&self) -> Vec<&str> {
        let telling = self.telling();
        let Some((first, others)) = telling.split_first() else {
            return Vec::new();
        };
        let reasons = first.reasons.iter();
        let common = reasons.filter(|reason| others.iter().all(|row| row.reasons.contains(reason)));
        common.map(String::as_str).collect()
    }

    /// The reasons of a row that are its own.
    pub fn own_reasons<'a>(&self, row: &'a Row) -> Vec<&'a str> {
        let common = self.common_reasons();
        let reasons = row.reasons.iter().map(String::as_str);
        reasons.filter(|reason| !common.contains(reason)).collect()
    }

    /// The rows whose common reasons hold for the table: those with a verdict on a ratio, for the others have reasons of their
    /// own instead of what limits it. Where there are not several, those with a ratio that is judged, or all.
    fn telling(&self) -> Vec<&Row> {
        let judged = |row: &&Row| row.interval.is_some();
        let answered = |row: &&Row| judged(row) && row.verdict != Verdict::NoVerdict;
        let answered: Vec<&Row> = self.rows.iter().filter(answered).collect();
        if answered.len() > 1 {
            return answered;
        }
        let judged: Vec<&Row> = self.rows.iter().filter(judged).collect();
        if judged.len() > 1 {
            return judged;
        }
        self.rows.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::{comparison, row};
    use crate::comparison::{ALL_ZERO, WITHOUT_RATIO};

    const MACHINES: &str = "holds for these machines only: fewer than 3 instances";

    fn with(name: &str, verdict: Verdict, reasons: &[&str]) -> Row {
        Row {
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            ..row(name, verdict, 1.0)
        }
    }

    fn without_ratio(name: &str, verdict: Verdict, reason: &str) -> Row {
        Row {
            ratio: None,
            interval: None,
            ..with(name, verdict, &[reason])
        }
    }

    /// The reasons of the table, and those of each row that has any.
    fn caveats(rows: Vec<Row>) -> Vec<String> {
        let table = comparison(rows);
        let common = table.common_reasons().into_iter().map(String::from);
        let own = table.rows.iter().flat_map(|row| {
            let reasons = table.own_reasons(row).into_iter();
            reasons.map(|reason| format!("{}: {reason}", row.name))
        });
        common.chain(own).collect()
    }

    #[test]
    fn a_fact_of_the_run_is_said_once() {
        let rows = vec![
            with("a", Verdict::Slower, &[MACHINES]),
            with("b", Verdict::NoDifference, &[MACHINES, "lacks a turn"]),
            with("drifting", Verdict::NoVerdict, &["drifts"]),
            without_ratio("negative", Verdict::NoVerdict, WITHOUT_RATIO),
            without_ratio("zero", Verdict::NoDifference, ALL_ZERO),
        ];
        let own = |name: &str, reason: &str| format!("{name}: {reason}");
        assert_eq!(
            caveats(rows),
            [
                MACHINES.to_owned(),
                own("drifting", "drifts"),
                own("negative", WITHOUT_RATIO),
                own("b", "lacks a turn"),
                own("zero", ALL_ZERO),
            ]
        );
    }

    #[test]
    fn what_only_some_rows_with_an_answer_have_is_their_own() {
        let rows = vec![
            with("a", Verdict::NoDifference, &["lacks a turn"]),
            without_ratio("negative", Verdict::NoVerdict, WITHOUT_RATIO),
        ];
        let own = format!("negative: {WITHOUT_RATIO}");
        assert_eq!(caveats(rows), [own, "a: lacks a turn".to_owned()]);
    }
}
