use proptest::prelude::*;

use super::super::markdown::testing::HOSTILE;
use super::*;
use crate::comparison::OneSided;
use crate::comparison::testing::{revisions, row};

fn table_of(without: usize, word: &str) -> Comparison {
    let mut rows = vec![
        row(&format!("compress/9{word}"), Verdict::Slower, 1.031),
        row("parse|x", Verdict::Faster, 0.95),
    ];
    rows.extend(
        (1..=without).map(|number| row(&format!("same/{number}"), Verdict::NoDifference, 1.001)),
    );
    rows[1].unit = format!("s{word}");
    rows[0]
        .reasons
        .push(format!("2 of 6 rounds lack a turn{word}"));
    Comparison {
        revisions: Some(revisions("v1.1", "v1.0")),
        instances: 3,
        rounds: 6,
        unpaired: None,
        interval_level: 0.95,
        precision: None,
        rows,
        one_sided: vec![OneSided {
            name: format!("new{word}"),
            arm: Arm::Candidate,
        }],
    }
}

const ORIGIN: Origin<'_> = Origin {
    command: Some("collect run config.yml v2 --baseline v1"),
    seed: Some(42),
    job_url: Some("https://a.example/job"),
    artifact_url: Some("https://a.example/artifact"),
    profiles: Some("`on_regression` left its files in `v2/i-1/candidate/on_regression`"),
};

#[test]
fn the_answer_comes_first_and_what_does_not_differ_is_folded() {
    insta::assert_snapshot!(
        "few",
        comparison(&table_of(2, ""), &Origin::default(), 60_000)
    );
    insta::assert_snapshot!("many", comparison(&table_of(21, ""), &ORIGIN, 60_000));
}

#[test]
fn a_table_of_hundreds_keeps_to_its_room() {
    let page = comparison(&table_of(900, ""), &ORIGIN, 30_000);
    assert!(page.len() <= 30_000, "{}", page.len());
    assert!(
        page.contains("compress/9") && page.contains("more figures"),
        "{page}"
    );
}

proptest! {
    /// Lines, tables and folds are as many as without anything hostile.
    #[test]
    fn nothing_from_outside_changes_the_form(word in HOSTILE) {
        let form = |page: &str| {
            let lines = page.lines().map(|line| (line.starts_with("| "), line.matches(" | ").count()));
            (lines.collect::<Vec<_>>(), page.matches("<details>").count())
        };
        let plain = comparison(&table_of(2, "x"), &ORIGIN, 60_000);
        let page = comparison(&table_of(2, &format!("x{word}")), &ORIGIN, 60_000);
        prop_assert_eq!(form(&page), form(&plain));
    }
}
