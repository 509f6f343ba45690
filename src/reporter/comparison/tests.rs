use super::*;
use crate::comparison::{OneSided, Weight, testing};

/// A figure of a table that has everything.
fn row(name: &str, verdict: Verdict, ratio: f64) -> Row {
    Row {
        reasons: vec!["holds for these machines only: fewer than 3 instances".into()],
        ..testing::row(name, verdict, ratio)
    }
}

fn comparison() -> Comparison {
    let mut doubtful = row("http/latency/p99.9", Verdict::NoVerdict, 1.02);
    doubtful.interval = None;
    doubtful
        .reasons
        .push("one revision changes from turn to turn and the other does not".into());
    let mut throughput = row("http/throughput", Verdict::Slower, 0.93);
    (throughput.baseline, throughput.candidate) = (1_234_567.0, 1_148_147.0);
    throughput.unit = "requests/s".into();
    let mut rows = vec![
        throughput,
        row(
            "compress/level-9/silesia.tar/with a very long name that goes on/threads=16",
            Verdict::Slower,
            1.031,
        ),
        row("parse/\u{1b}[31mred\u{202e}\nnext", Verdict::Faster, 0.95),
        doubtful,
    ];
    rows.extend(
        (1..=38).map(|number| row(&format!("same/{number}"), Verdict::NoDifference, 1.001)),
    );
    Comparison {
        revisions: Some(testing::revisions("v1.1", "v1.0")),
        instances: 2,
        rounds: 6,
        unpaired: None,
        interval_level: 0.95,
        precision: None,
        rows,
        one_sided: vec![OneSided {
            name: "new/figure".into(),
            arm: Arm::Candidate,
        }],
    }
}

fn shown(width: Option<usize>) -> String {
    let lines = table(&comparison(), width, false).into_iter();
    lines.map(|(_, line)| line + "\n").collect()
}

#[test]
fn a_table_fits_the_terminal() {
    for width in [40, 60, 80, 100, 120] {
        let lines = table(&comparison(), Some(width), true);
        // What is said in sentences breaks where the terminal breaks it.
        let body = lines
            .iter()
            .skip(2)
            .take_while(|(_, line)| !line.is_empty());
        for (_, line) in body {
            assert!(measure_text_width(line) <= width, "{width}: {line}");
        }
    }
    insta::assert_snapshot!("wide", shown(Some(120)));
    insta::assert_snapshot!("medium", shown(Some(80)));
    insta::assert_snapshot!("narrow", shown(Some(50)));
    insta::assert_snapshot!("list", shown(Some(30)));
}

#[test]
fn nothing_in_a_name_reaches_the_terminal() {
    let all = shown(None);
    assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    assert!(all.contains("parse/\\u{1b}[31mred\\u{202e} next"), "{all}");
}

#[test]
fn a_long_name_loses_its_middle() {
    assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
    assert_eq!(shortened("abcdefghij", 7), "abc…hij");
    assert_eq!(shortened("abcdefghij", 6), "abc…ij");
    assert_eq!(shortened("漢字漢字漢字", 7), "漢字…字");
    assert_eq!(shortened("abc", 0), "…");
}

#[test]
fn hosts_are_shown_side_by_side() {
    let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let difference = Difference {
        fact: "kernel".into(),
        weight: Weight::Reservation,
        baseline: set(&["6.8"]),
        candidate: set(&["6.8", "6.9\u{1b}"]),
    };
    assert_eq!(
        hosts(&[difference]),
        [
            "the hosts differ  baseline  candidate       means",
            "kernel            6.8       6.8, 6.9\\u{1b}  within a side"
        ]
    );
    assert!(hosts(&[]).is_empty());
}
