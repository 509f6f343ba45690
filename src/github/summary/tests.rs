//! The page says everything, and nothing that was slipped into it.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::artifact::ArtifactName;
use super::super::markdown::testing::{self, HOSTILE};
use super::*;
use crate::instance::{Dollars, Instance, InstanceId, LOCAL_REGION, LeaseToken, RunId};
use crate::phase::{Phase, Stage};
use crate::report::{Collected, Diagnostic, Outcome, StageReport, StepReport};
use crate::step::{Location, StepOutcome};

/// A run whose measurement failed, with `word` wherever a word comes from outside.
fn report(word: &str) -> SampleReport {
    let started = Timestamp::UNIX_EPOCH;
    let stage = |stage, steps| StageReport {
        arm: None,
        turn: None,
        stage,
        ok: true,
        started,
        took: Duration::from_secs(9),
        steps,
    };
    let step = StepReport {
        script: format!("measure.sh{word}"),
        location: Location::Remote,
        outcome: StepOutcome::Failed,
        exit_code: Some(2),
        started,
        took: Duration::from_mins(1),
        log: String::new(),
    };
    SampleReport {
        format: 1,
        collector: "1.0.0".into(),
        sample: 1,
        expires_at: "2026-11-22T18:00:00Z".parse().unwrap(),
        run: RunId::new("run"),
        lease: LeaseToken::new("run-1"),
        provider: "ec2".into(),
        region: "eu-central-1".into(),
        revision: "v1.2.3".parse().unwrap(),
        commit: None,
        config: None,
        description: Some(format!("nightly {word}")),
        started,
        finished: started + Duration::from_secs(90),
        outcome: Outcome::StepFailed,
        signal: None,
        errors: vec![Diagnostic {
            message: format!("measure.sh ended with status 2 {word}"),
            hint: Some(format!("see its log {word}")),
            script: None,
            last_lines: Vec::new(),
        }],
        warnings: vec![format!("nothing matches *.csv {word}")],
        instance: Some(Instance {
            id: InstanceId::new("i-0123456789abcdef0"),
            address: "192.0.2.1".into(),
            region: "eu-central-1".into(),
            instance_type: Some("c7i.large".into()),
            image: Some("ami-0123456789abcdef0".into()),
            zone: Some("eu-central-1a".into()),
            tenancy: Some("default".into()),
            price_per_hour: Dollars::parse("0.08925"),
        }),
        released: Release::Terminated,
        stages: vec![
            stage(Stage::Launch, Vec::new()),
            stage(Stage::Scripts(Phase::Run), vec![step]),
        ],
        turns: Vec::new(),
        profiles: Vec::new(),
        collected: Collected {
            files: 2,
            bytes: 2048,
            incomplete: 1,
        },
        directory: None,
        archive: None,
        stored: None,
    }
}

fn leaked(word: &str) -> SampleReport {
    SampleReport {
        outcome: Outcome::Leaked,
        released: Release::Unconfirmed {
            id: Some(InstanceId::new("i-0123456789abcdef0")),
            reason: format!("no answer {word}"),
        },
        ..report(word)
    }
}

#[test]
fn everything_is_on_the_page() {
    let files = [("a.csv".to_owned(), 1024), ("b/c.csv".to_owned(), 1024)];
    let lines = |from| (from..=50).map(|n| format!("line {n}")).collect::<Vec<_>>();
    let facts = Facts {
        run_url: Some("https://a.example/o/r/actions/runs/1"),
        commit_url: Some("https://a.example/o/r/commit/v1.2.3"),
        number: None,
        artifact: Some(&Artifact {
            id: 2,
            name: ArtifactName::of_sample("v1.2.3", "i-0123456789abcdef0"),
            url: "https://a.example/o/r/actions/runs/1/artifacts/2".into(),
            digest: "0123".into(),
            size: 4096,
        }),
        files: &files,
        metrics: None,
        failure: Some(Failure {
            script: "measure.sh",
            output: &lines(1).join("\n"),
        }),
    };
    let page = summary(&report(""), &facts);
    assert_eq!(
        testing::page(&page),
        [
            "collector: ❌ failed after 1m30s",
            "nightly",
            "error: measure.sh ended with status 2 hint: see its log",
            "The last lines of measure.sh",
            &lines(11).join(" "),
            "phase script result exit time",
            "launch ok 9.0s",
            "run measure.sh failed 2 1m00s",
            "revision v1.2.3",
            "instance i-0123456789abcdef0, c7i.large, ami-0123456789abcdef0 in eu-central-1a, is gone, has cost about $0.0020",
            "2 files, 2.00 KiB, 1 not complete",
            "artifact collector-v1.2.3-i-0123456789abcdef0, 4.00 KiB, sha256:0123",
            "workflow run",
            "Files",
            "file size",
            "a.csv 1.00 KiB",
            "b/c.csv 1.00 KiB",
            "Warnings:",
            "nothing matches *.csv",
        ]
    );
}

#[test]
fn what_may_cost_money_comes_first() {
    let url = "https://eu-central-1.console.aws.amazon.com/ec2/home?region=eu-central-1#InstanceDetails:instanceId=i-0123456789abcdef0";
    for page in [
        summary(&leaked(""), &Facts::default()),
        short(&leaked(""), None),
    ] {
        let above = page.split(url).next().unwrap();
        assert!(page.contains(url) && above.lines().count() < 5, "{page}");
    }
    let unknown = SampleReport {
        released: Release::Unconfirmed {
            id: None,
            reason: "no answer".into(),
        },
        ..leaked("")
    };
    assert!(short(&unknown, None).contains("#Instances:tag:collector:lease=run-1"));
}

#[test]
fn what_is_left_of_a_rehearsal_is_not_on_a_page_of_aws() {
    let left = |id| SampleReport {
        region: LOCAL_REGION.into(),
        released: Release::Unconfirmed {
            id,
            reason: "no answer".into(),
        },
        ..leaked("")
    };
    for report in [left(Some(InstanceId::new("local-1"))), left(None)] {
        for page in [summary(&report, &Facts::default()), short(&report, None)] {
            assert!(page.contains("may still be running"), "{page}");
            assert!(!page.contains("AWS") && !page.contains("aws"), "{page}");
        }
    }
}

#[test]
fn the_outcome_in_a_few_lines_can_be_read_as_it_is() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let report = SampleReport {
        revision: commit.parse().unwrap(),
        errors: vec![Diagnostic::new("`a@b.sh` failed: see #12", None)],
        ..report("")
    };
    assert_eq!(
        short(&report, None),
        format!(
            "❌ failed after 1m30s: `{commit}` on `c7i.large`, 2 files, 2.00 KiB, 1 not complete\n\n\
             `` `a@b.sh` failed: see #12 ``\n"
        )
    );
    assert!(!short(&leaked("@a #1"), None).contains("<!--"));
}

#[test]
fn the_code_in_a_hint_is_shown_as_code() {
    let mut report = report("");
    report.errors = vec![Diagnostic::new("no", Some("add `id-token: write`"))];
    let page = summary(&report, &Facts::default());
    assert!(page.contains("<code>id-token: write</code>"), "{page}");
    assert!(render_refusal("no", Some("see `id-token`")).contains("<code>id-token</code>"));
}

#[test]
fn the_largest_page_is_cut_at_clean_places() {
    for word in ["$", "a`\n", "@a", "日", "<"] {
        let long = word.repeat(5000);
        let mut report = leaked(&long);
        report.errors = vec![report.errors[0].clone(); 300];
        report.warnings = vec![long.clone(); 300];
        report.stages = vec![report.stages[1].clone(); 3000];
        let files = vec![(long.clone(), u64::MAX); 3000];
        let facts = Facts {
            files: &files,
            failure: Some(Failure {
                script: &long,
                output: &format!("{}\n", "日".repeat(3000)).repeat(100),
            }),
            ..Facts::default()
        };
        let page = summary(&report, &facts);
        assert!(page.len() < 1_000_000, "{word:?}: {}", page.len());
        let read = testing::page(&page);
        for rest in ["more errors", "more rows", "more files", "more warnings"] {
            assert!(read.iter().any(|part| part.ends_with(rest)), "{rest}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_from_outside_takes_effect(word in HOSTILE) {
        let files = [(word.clone(), 1)];
        let facts = Facts {
            files: &files,
            failure: Some(Failure { script: &word, output: &word }),
            ..Facts::default()
        };
        let harmless = testing::page(&summary(&report("x"), &Facts { files: &[("x".into(), 1)], ..facts })).len();
        let page = testing::page(&summary(&report(&word), &facts));
        prop_assert_eq!(page.len(), harmless);
        testing::page(&short(&leaked(&word), None));
    }
}
