mod duet;
mod few_rounds;

use super::*;
use crate::instance::{InstanceId, RunId};
use crate::records::{Record as _, SampleOf, TurnValues};
use crate::statistics::Round;

pub(super) fn row(name: &str, verdict: Verdict, ratio: f64) -> Row {
    Row {
        name: name.into(),
        unit: "s".into(),
        better: Direction::Less,
        baseline: 1.0,
        candidate: ratio,
        ratio: Some(ratio),
        interval: Some([ratio * 0.99, ratio * 1.01]),
        baseline_noise: Some([0.992, 1.008]),
        candidate_noise: Some([0.991, 1.009]),
        detectable: Some(0.018),
        verdict,
        reasons: Vec::new(),
    }
}

pub(super) fn comparison(rows: Vec<Row>) -> Comparison {
    let mut comparison = Comparison {
        revisions: Some(testing::revisions("v2", "v1")),
        instances: 3,
        rounds: 6,
        unpaired: None,
        interval_level: 0.95,
        precision: None,
        rows,
        one_sided: Vec::new(),
    };
    comparison.sort();
    comparison
}

/// A figure with these turns: sample, arm, round, turn, value.
pub(super) fn figure(name: &str, turns: &[(usize, Arm, u32, u32, f64)]) -> FigureRecord {
    let turns = turns
        .iter()
        .map(|(sample, arm, round, turn, value)| TurnValues {
            sample: *sample,
            arm: *arm,
            round: *round,
            turn: *turn,
            values: vec![value * 0.5, *value, value * 3.0],
        });
    FigureRecord {
        name: name.into(),
        unit: "s".into(),
        better: Direction::Less,
        turns: turns.collect(),
    }
}

pub(super) fn figures(samples: u32, figures: Vec<FigureRecord>) -> Figures {
    let run = RunId::new("20261125T120000Z-b91e9525");
    Figures {
        format: Figures::FORMAT,
        runs: vec![run.clone()],
        revision: "v2".parse().unwrap(),
        baseline: Some("v1".parse().unwrap()),
        seed: 1,
        repeat: None,
        precision: None,
        share: None,
        samples: (1..=samples)
            .map(|sample| SampleOf {
                run: run.clone(),
                sample,
                instance: InstanceId::new(format!("i-{sample}")),
                reservations: Vec::new(),
            })
            .collect(),
        figures,
        comparison: None,
    }
}

/// The turns of an instance with these rounds of A B B A.
pub(super) fn rounds(sample: usize, ratios: &[f64]) -> Vec<(usize, Arm, u32, u32, f64)> {
    let rounds = (1u32..).zip(ratios);
    rounds
        .flat_map(|(round, ratio)| {
            let first = round * 4 - 3;
            [
                (sample, Arm::Baseline, round, first, 10.0),
                (sample, Arm::Candidate, round, first + 1, 10.0 * ratio),
                (sample, Arm::Candidate, round, first + 2, 10.0 * ratio),
                (sample, Arm::Baseline, round, first + 3, 10.0),
            ]
        })
        .collect()
}

#[test]
fn a_figure_that_is_zero_in_every_turn_has_no_difference() {
    let zeros = |last: f64| {
        let mut turns = rounds(0, &[1.0, 1.0]);
        for turn in &mut turns {
            turn.4 = 0.0;
        }
        turns[7].4 = last;
        let comparison = compared(&figures(1, vec![figure("failures", &turns)]), &[]);
        (
            comparison.rows[0].verdict,
            comparison.rows[0].reasons.clone(),
        )
    };
    assert_eq!(
        zeros(0.0),
        (Verdict::NoDifference, vec!["0 in every turn".into()])
    );
    assert_eq!(zeros(1.0).0, Verdict::NoVerdict);
    let turns = rounds(0, &[0.0, 0.0]);
    let candidate = turns.into_iter().filter(|turn| turn.1 == Arm::Candidate);
    let one_sided = figure("failures", &candidate.collect::<Vec<_>>());
    assert_eq!(compared(&figures(1, vec![one_sided]), &[]).rows, []);
}

/// Stands in for the statistics: every ratio that is more than 1 % from 1 is surely so.
fn estimate(series: &Series) -> Estimate {
    let rounds: Vec<&Round> = series.instances.iter().flatten().collect();
    let sum =
        |of: fn(&Round) -> &Vec<f64>| -> f64 { rounds.iter().flat_map(|round| of(round)).sum() };
    let ratio = sum(|round| &round.candidate) / sum(|round| &round.baseline);
    let finding = match ratio {
        ratio if ratio.is_nan() => Finding::None(vec![Doubt::TooFewRounds]),
        ratio if ratio > 1.01 => Finding::Higher,
        ratio if ratio < 0.99 => Finding::Lower,
        _ => Finding::NoDifference,
    };
    Estimate {
        ratio,
        interval: Some(Interval {
            low: ratio - 0.01,
            high: ratio + 0.01,
        }),
        baseline_noise: None,
        candidate_noise: None,
        detectable: Some(0.01),
        finding,
        instances: series
            .instances
            .iter()
            .filter(|rounds| !rounds.is_empty())
            .count(),
        rounds: rounds.len(),
        these_machines_only: true,
    }
}

fn compared(figures: &Figures, reservations: &[Reservation]) -> Comparison {
    let series = Comparison::series(figures);
    let estimates: Vec<Estimate> = series.iter().map(estimate).collect();
    Comparison::new(figures, &estimates, reservations)
}

#[test]
fn a_turn_is_the_median_of_its_values() {
    let figures = figures(2, vec![figure("f", &rounds(1, &[1.2]))]);
    let series = &Comparison::series(&figures)[0];
    assert_eq!(series.instances[0], []);
    let round = &series.instances[1][0];
    assert_eq!(round.baseline, [10.0, 10.0]);
    assert_eq!(round.candidate, [12.0, 12.0]);
}

#[test]
fn a_round_that_lacks_a_turn_counts_for_neither_arm() {
    let mut lacking = rounds(0, &[1.0, 1.5]);
    lacking.remove(6);
    let whole = rounds(0, &[1.0, 1.5]);
    let figures = figures(
        1,
        vec![figure("lacking", &lacking), figure("whole", &whole)],
    );
    let comparison = compared(&figures, &[]);
    assert_eq!((comparison.instances, comparison.rounds), (1, 2));
    let [whole, lacking] = comparison.rows.as_slice() else {
        panic!("{comparison:?}");
    };
    assert_eq!((whole.verdict, whole.ratio), (Verdict::Slower, Some(1.25)));
    assert_eq!(lacking.verdict, Verdict::NoDifference);
    assert_eq!(
        lacking.reasons,
        [
            "holds for this machine only: fewer than 3 instances",
            "1 of 2 rounds lack a turn and are left out"
        ]
    );
    // A last odd turn of each arm is a pair, and whole.
    let pair = &rounds(0, &[1.0])[..2];
    let figures = super::tests::figures(1, vec![figure("pair", pair)]);
    assert_eq!(Comparison::series(&figures)[0].instances[0].len(), 1);
}

#[test]
fn what_matters_is_on_top() {
    let of = |name: &str, ratio: f64| figure(name, &rounds(0, &[ratio]));
    let mut faster = of("throughput", 0.5);
    faster.better = Direction::More;
    let nothing = figure(
        "nothing",
        &[
            (0, Arm::Baseline, 1, 1, 0.0),
            (0, Arm::Candidate, 1, 2, 1.0),
        ],
    );
    let new = figure("new", &[(0, Arm::Candidate, 1, 2, 1.0)]);
    let table = vec![
        of("same", 1.0),
        nothing,
        new,
        of("quick", 0.9),
        of("slow", 1.2),
        of("slower", 1.3),
        faster,
    ];
    let comparison = compared(&figures(1, table), &[]);
    let rows = comparison
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.verdict));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ("throughput", Verdict::Slower),
            ("slower", Verdict::Slower),
            ("slow", Verdict::Slower),
            ("quick", Verdict::Faster),
            ("nothing", Verdict::NoVerdict),
            ("same", Verdict::NoDifference),
        ]
    );
    let nothing = &comparison.rows[4];
    assert_eq!(nothing.ratio, None);
    assert_eq!(
        nothing.reasons,
        ["a turn came to zero or less, which has no ratio to another"]
    );
    assert_eq!(
        comparison.sentence(),
        "v2 against v1: 3 slower, 1 faster, 1 no verdict, 1 no difference shown (≥ 1.0 % would have been seen), \
         1 in one revision only; 1 instance, 1 round"
    );
    let text = serde_json::to_string(&comparison).unwrap();
    assert_eq!(
        serde_json::from_str::<Comparison>(&text).unwrap(),
        comparison
    );
}

#[test]
fn a_reservation_limits_every_row_or_voids_it() {
    let figures = figures(1, vec![figure("slow", &rounds(0, &[1.2]))]);
    let reservation = |voids| Reservation {
        reason: "2 % of the time was stolen".into(),
        voids,
    };
    let limited = compared(&figures, &[reservation(false)]);
    assert_eq!(limited.rows[0].verdict, Verdict::Slower);
    assert_eq!(limited.rows[0].reasons.len(), 2);
    assert_eq!(limited.common_reasons().len(), 2);
    let voided = compared(&figures, &[reservation(true)]);
    assert_eq!(voided.rows[0].verdict, Verdict::NoVerdict);
}

#[test]
fn a_limit_is_exceeded_by_the_whole_interval_of_a_verdict_only() {
    let with = |name: &str, verdict, interval| Row {
        interval,
        ..row(name, verdict, 1.06)
    };
    let throughput = Row {
        better: Direction::More,
        ..with("throughput", Verdict::Slower, Some([0.90, 0.94]))
    };
    let comparison = comparison(vec![
        with("sure", Verdict::Slower, Some([1.051, 1.07])),
        with("doubtful", Verdict::Slower, Some([1.049, 1.07])),
        with("without", Verdict::NoVerdict, Some([1.051, 1.07])),
        with("untold", Verdict::Slower, None),
        with("better", Verdict::Faster, Some([0.8, 0.9])),
        throughput,
    ]);
    let names = |limit| -> Vec<&str> {
        let rows = comparison.worse_than(limit).into_iter();
        rows.map(|row| row.name.as_str()).collect()
    };
    assert_eq!(names(0.05), ["sure", "throughput"]);
    assert!(names(0.061).is_empty());
}

#[test]
fn the_sentence_says_what_would_have_been_seen() {
    let with = |detectable| Row {
        detectable: Some(detectable),
        ..row("f", Verdict::NoDifference, 1.0)
    };
    let even = comparison(vec![with(0.015), with(0.018)]);
    assert_eq!(
        even.sentence(),
        "v2 against v1: 2 no difference shown (≥ 1.8 % would have been seen); 3 instances, 6 rounds"
    );
    let uneven = comparison(vec![with(0.01), with(0.012), with(0.4)]);
    assert_eq!(
        uneven.sentence(),
        "v2 against v1: 3 no difference shown (≥ 1.2 % would have been seen in half of them, ≥ 40.0 % in all); \
         3 instances, 6 rounds"
    );
    assert_eq!(
        comparison(Vec::new()).sentence(),
        "v2 against v1: no figure to compare; 3 instances, 6 rounds"
    );
}

#[test]
fn a_revision_against_itself_is_named_as_what_it_is() {
    let of_one = Comparison {
        revisions: Some(testing::revisions("v2", "v2")),
        ..comparison(vec![row("f", Verdict::Slower, 1.1)])
    };
    assert_eq!(
        of_one.sentence(),
        "v2 against itself (A/A): 1 slower; 3 instances, 6 rounds"
    );
}

#[test]
fn the_sentence_names_commits_by_the_beginning_of_their_hashes() {
    let of_commit = Comparison {
        revisions: Some(testing::revisions(
            "0123456789abcdef0123456789abcdef01234567",
            "release/1.0",
        )),
        ..comparison(vec![row("f", Verdict::Slower, 1.1)])
    };
    assert_eq!(
        of_commit.sentence(),
        "0123456789 against release/1.0: 1 slower; 3 instances, 6 rounds"
    );
    let mut record = serde_json::to_value(&of_commit).unwrap();
    record.as_object_mut().unwrap().remove("revisions");
    let of_unnamed: Comparison = serde_json::from_value(record).unwrap();
    assert_eq!(of_unnamed.sentence(), "1 slower; 3 instances, 6 rounds");
}

#[test]
fn the_level_of_the_intervals_is_that_of_the_design() {
    let planned = figures(1, vec![figure("f", &rounds(0, &[1.0]))]);
    let precise = Figures {
        precision: Some(AskedPrecision {
            half_width: 0.01,
            planned_rounds: 1,
        }),
        ..planned.clone()
    };
    for (figures, level, head) in [
        (planned, 0.95, "change [95 %]"),
        (precise, 0.965, "change [96.5 %]"),
    ] {
        let comparison = Comparison::of_arms(&figures, &[]);
        assert_eq!(comparison.head_of_changes(), head);
        let record = serde_json::to_value(&comparison).unwrap();
        assert_eq!(record["interval_level"], level);
    }
}

/// A side whose instances measured these values, one each.
fn side(values: &[f64], facts: &str) -> Side {
    let instances = (0..).zip(values);
    let turns: Vec<_> = instances
        .map(|(sample, value)| (sample, Arm::Candidate, 1, 1, *value))
        .collect();
    let figures = figures(
        u32::try_from(values.len()).unwrap(),
        vec![figure("f", &turns)],
    );
    let hosts = figures.samples.iter().map(|sample| hosts::Host {
        instance: sample.instance.clone(),
        instance_type: Some("c7i.large".into()),
        facts: Some(crate::records::HostFacts::from_answer(facts)),
    });
    Side {
        hosts: hosts.collect(),
        figures,
    }
}

#[test]
fn sides_on_several_instances_each_have_a_verdict() {
    let mut one = side(&[10.0, 10.1, 10.2], "kernel\t6.8\n");
    one.figures.revision = "v1".parse().unwrap();
    let other = side(&[12.0, 12.1, 12.2], "kernel\t6.8\n");
    let (comparison, differences) = compare_sides(&one, &other);
    assert_eq!(differences, []);
    assert_eq!(
        comparison.rows[0].verdict,
        Verdict::Slower,
        "{comparison:?}"
    );
    assert!(comparison.rows[0].reasons.is_empty());
    assert_eq!(
        comparison.sentence(),
        "v2 against v1: 1 slower; 3 and 3 instances, not interleaved"
    );
}

#[test]
fn what_happened_to_a_sample_of_a_side_limits_the_answer() {
    let mut one = side(&[10.0, 10.1, 10.2], "kernel\t6.8\n");
    let other = side(&[12.0, 12.1, 12.2], "kernel\t6.8\n");
    one.figures.samples[2].reservations.push(Reservation {
        reason: "sample 3 lost 7.0 % to steal".into(),
        voids: true,
    });
    let (comparison, _) = compare_sides(&one, &other);
    assert_eq!(comparison.rows[0].verdict, Verdict::NoVerdict);
    assert_eq!(
        comparison.rows[0].reasons,
        ["baseline: sample 3 lost 7.0 % to steal"]
    );
}

#[test]
fn a_design_that_carries_no_verdict_has_none() {
    let facts = "cpu_model\tX\n";
    let (alone, _) = compare_sides(&side(&[10.0], facts), &side(&[20.0], facts));
    assert_eq!(alone.rows[0].verdict, Verdict::NoVerdict);
    assert_eq!(alone.rows[0].ratio, Some(2.0));
    assert!(alone.rows[0].reasons[0].starts_with("one instance on a side"));
    let (zero, _) = compare_sides(&side(&[0.0; 2], facts), &side(&[0.0; 2], facts));
    assert_eq!(zero.rows[0].verdict, Verdict::NoDifference);
    let many = [10.0, 10.1, 10.2];
    let (elsewhere, differences) =
        compare_sides(&side(&many, facts), &side(&many, "cpu_model\tY\n"));
    assert_eq!(elsewhere.rows[0].verdict, Verdict::NoVerdict);
    assert_eq!(
        elsewhere.rows[0].reasons,
        ["the hosts of the sides differ: CPU"]
    );
    assert_eq!(differences[0].fact, "CPU");
}
