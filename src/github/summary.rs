//! The job summary: what came of a run, on one page.

use indicatif::HumanBytes;

use super::markdown::{Room, clipped, code, fenced, fold, link, list, table, text};
use super::{CAUTION, verdict};
use crate::config::human_duration;
use crate::report::{Release, RunReport};

/// GitHub drops a longer summary. Each part has room of its own, and together they stay below.
pub const MAX_BYTES: usize = 1_048_576;

const ERRORS: Room = room(50, 150_000);
const ROWS: Room = room(1000, 250_000);
const FILES: Room = room(50, 150_000);
const WARNINGS: Room = room(20, 150_000);

/// So many lines of a failing step's output are shown.
const LAST_LINES: usize = 40;

/// The longest message and the longest name, in characters.
const MESSAGE: usize = 2000;
const NAME: usize = 300;

const fn room(lines: usize, bytes: usize) -> Room {
    Room { lines, bytes }
}

/// What GitHub knows about a run beyond its report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The page of the workflow run.
    pub run_url: Option<&'a str>,
    /// The page of the measured commit.
    pub commit_url: Option<&'a str>,
    /// The uploaded results.
    pub artifact: Option<Artifact<'a>>,
    /// Every collected file and its size.
    pub files: &'a [(String, u64)],
    /// The step that failed.
    pub failure: Option<Failure<'a>>,
}

/// The uploaded results.
#[derive(Debug, Clone, Copy)]
pub struct Artifact<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its page.
    pub url: &'a str,
    /// The checksum of what was uploaded.
    pub digest: &'a str,
    /// How many bytes were uploaded.
    pub size: u64,
}

/// A step that failed, and how its output ended.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The script.
    pub script: &'a str,
    /// At least the end of what it wrote.
    pub output: &'a str,
}

/// The page.
pub fn summary(report: &RunReport, facts: &Facts<'_>) -> String {
    let heading = format!("## {}\n", outcome(report));
    let parts = [
        Some(heading),
        leak(report),
        report.description.as_deref().map(description),
        errors(report),
        facts.failure.as_ref().map(last_lines),
        Some(stages(report)),
        Some(particulars(report, facts)),
        files(facts),
        warnings(report),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The outcome in a few lines, for the step's outputs.
pub fn short(report: &RunReport) -> String {
    let on = report
        .instance
        .as_ref()
        .and_then(|instance| instance.instance_type.as_deref())
        .map(|instance_type| format!(" on {}", code(instance_type)))
        .unwrap_or_default();
    let revision = code(report.revision.as_str());
    let first = format!(
        "{}: {revision}{on}, {}\n",
        outcome(report),
        collected(report)
    );
    let error = report.errors.first().map(|error| {
        let message = text(&clipped(&error.message, MESSAGE));
        format!("{message}\n")
    });
    [leak(report), Some(first), error]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

fn outcome(report: &RunReport) -> String {
    format!(
        "{} after {}",
        verdict(report.outcome),
        human_duration(report.took())
    )
}

/// What may still cost money, before everything else.
fn leak(report: &RunReport) -> Option<String> {
    let Release::Unconfirmed { id, reason } = &report.released else {
        return None;
    };
    let region = text(&report.region);
    let (what, url) = match id {
        Some(id) => (
            format!("Instance {}", code(id.as_str())),
            id.console_url(&report.region),
        ),
        None => (
            format!(
                "An instance with the tag {}",
                code(&format!("collector:lease={}", report.lease))
            ),
            report.lease.console_url(&report.region),
        ),
    };
    let reason = text(&clipped(reason, MESSAGE));
    let open = link("Look at it in the AWS console", &url);
    Some(format!(
        "{CAUTION}> **{what} in {region} may still be running and cost money.** {open} and terminate it there.\n\
         > Why: {reason}\n"
    ))
}

fn description(description: &str) -> String {
    format!("{}\n", text(&clipped(description, MESSAGE)))
}

fn errors(report: &RunReport) -> Option<String> {
    let items: Vec<String> = report
        .errors
        .iter()
        .map(|error| {
            let message = text(&clipped(&error.message, MESSAGE));
            match &error.hint {
                Some(hint) => format!(
                    "**error:** {message}<br>**hint:** {}",
                    text(&clipped(hint, MESSAGE))
                ),
                None => format!("**error:** {message}"),
            }
        })
        .collect();
    (!items.is_empty()).then(|| list(&items, "errors", ERRORS))
}

fn last_lines(failure: &Failure<'_>) -> String {
    let output = failure.output.trim_end();
    let lines: Vec<&str> = output.lines().collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    let lines = lines.get(last..).unwrap_or_default();
    let script = clipped(failure.script, NAME);
    fold(
        &format!("The last lines of {script}"),
        &fenced(&lines.join("\n")),
    )
}

fn stages(report: &RunReport) -> String {
    let rows: Vec<[String; 5]> = report
        .rows()
        .iter()
        .map(|row| row.each_ref().map(|cell| text(&clipped(cell, NAME))))
        .collect();
    table(RunReport::COLUMNS, &rows, "rows", ROWS)
}

fn collected(report: &RunReport) -> String {
    let collected = &report.collected;
    let missing = match collected.incomplete {
        0 => String::new(),
        count => format!(", {count} not complete"),
    };
    format!(
        "{} files, {}{missing}",
        collected.files,
        HumanBytes(collected.bytes)
    )
}

/// On what it was measured, and where the results are.
fn particulars(report: &RunReport, facts: &Facts<'_>) -> String {
    let revision = report.revision.as_str();
    let revision = match facts.commit_url {
        Some(url) => link(revision, url),
        None => code(revision),
    };
    let mut items = vec![format!("revision {revision}")];
    if let Some(instance) = &report.instance {
        let gone = match report.released {
            Release::Unconfirmed { .. } => "",
            Release::Terminated | Release::NothingLaunched => ", is gone",
        };
        let place = instance.zone.as_ref().unwrap_or(&instance.region);
        let facts: Vec<String> = [&instance.instance_type, &instance.image]
            .into_iter()
            .flatten()
            .map(|fact| code(&clipped(fact, NAME)))
            .collect();
        let facts = facts
            .iter()
            .map(|fact| format!(", {fact}"))
            .collect::<String>();
        items.push(format!(
            "instance {}{facts} in {}{gone}",
            code(instance.id.as_str()),
            text(place)
        ));
    }
    items.push(collected(report));
    if let Some(artifact) = &facts.artifact {
        items.push(format!(
            "artifact {}, {}, {}",
            link(artifact.name, artifact.url),
            HumanBytes(artifact.size),
            code(artifact.digest)
        ));
    }
    if let Some(url) = facts.run_url {
        items.push(link("workflow run", url));
    }
    list(&items, "facts", room(items.len(), MAX_BYTES))
}

fn files(facts: &Facts<'_>) -> Option<String> {
    let rows: Vec<[String; 2]> = facts
        .files
        .iter()
        .map(|(name, size)| [code(&clipped(name, NAME)), HumanBytes(*size).to_string()])
        .collect();
    let body = table(["file", "size"], &rows, "files", FILES);
    (!rows.is_empty()).then(|| fold("Files", &body))
}

fn warnings(report: &RunReport) -> Option<String> {
    let items: Vec<String> = report
        .warnings
        .iter()
        .map(|warning| text(&clipped(warning, MESSAGE)))
        .collect();
    (!items.is_empty()).then(|| format!("Warnings:\n\n{}", list(&items, "warnings", WARNINGS)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::reading::{self, HOSTILE};
    use super::*;
    use crate::instance::{Instance, InstanceId, LeaseToken, RunId};
    use crate::phase::{Phase, Stage};
    use crate::report::{Collected, Complaint, Outcome, StageReport, StepReport};
    use crate::step::{Place, StepOutcome};

    /// A run whose measurement failed, with `word` wherever a word comes from outside.
    fn report(word: &str) -> RunReport {
        let started = Timestamp::UNIX_EPOCH;
        let stage = |stage, steps| StageReport {
            stage,
            ok: true,
            started,
            took: Duration::from_secs(9),
            steps,
        };
        let step = StepReport {
            script: format!("measure.sh{word}"),
            place: Place::Instance,
            outcome: StepOutcome::Failed,
            exit_code: Some(2),
            started,
            took: Duration::from_secs(60),
            log: String::new(),
        };
        RunReport {
            format: 1,
            collector: "1.0.0",
            run: RunId::new("run"),
            lease: LeaseToken::new("run-1"),
            provider: "ec2",
            region: "eu-central-1".into(),
            revision: "v1.2.3".parse().unwrap(),
            description: Some(format!("nightly {word}")),
            started,
            finished: started + Duration::from_secs(90),
            outcome: Outcome::StepFailed,
            signal: None,
            errors: vec![Complaint {
                message: format!("measure.sh ended with status 2 {word}"),
                hint: Some(format!("see its log {word}")),
            }],
            warnings: vec![format!("nothing matches *.csv {word}")],
            instance: Some(Instance {
                id: InstanceId::new("i-0123456789abcdef0"),
                address: "192.0.2.1".into(),
                region: "eu-central-1".into(),
                instance_type: Some("c7i.large".into()),
                image: Some("ami-0123456789abcdef0".into()),
                zone: Some("eu-central-1a".into()),
            }),
            released: Release::Terminated,
            stages: vec![
                stage(Stage::Launch, Vec::new()),
                stage(Stage::Scripts(Phase::Run), vec![step]),
            ],
            collected: Collected {
                files: 2,
                bytes: 2048,
                incomplete: 1,
            },
            directory: None,
            archive: None,
        }
    }

    fn leaked(word: &str) -> RunReport {
        RunReport {
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
        let facts = Facts {
            run_url: Some("https://a.example/o/r/actions/runs/1"),
            commit_url: Some("https://a.example/o/r/commit/v1.2.3"),
            artifact: Some(Artifact {
                name: "collector-v1.2.3-i-0123456789abcdef0",
                url: "https://a.example/o/r/actions/runs/1/artifacts/2",
                digest: "sha256:0123",
                size: 4096,
            }),
            files: &files,
            failure: Some(Failure {
                script: "measure.sh",
                output: &(1..=50).map(|n| format!("line {n}\n")).collect::<String>(),
            }),
        };
        let page = summary(&report(""), &facts);
        assert_eq!(
            reading::page(&page),
            [
                "❌ failed after 1m30s",
                "nightly",
                "error: measure.sh ended with status 2 hint: see its log",
                "The last lines of measure.sh",
                &format!(
                    "line 11{}",
                    (12..=50).map(|n| format!(" line {n}")).collect::<String>()
                ),
                "phase script result exit time",
                "launch ok 9.0s",
                "run measure.sh failed 2 1m00s",
                "revision v1.2.3",
                "instance i-0123456789abcdef0, c7i.large, ami-0123456789abcdef0 in eu-central-1a, is gone",
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
        for page in [summary(&leaked(""), &Facts::default()), short(&leaked(""))] {
            let above = page.split(url).next().unwrap();
            assert!(page.contains(url) && above.lines().count() < 5, "{page}");
        }
        let unknown = RunReport {
            released: Release::Unconfirmed {
                id: None,
                reason: "no answer".into(),
            },
            ..leaked("")
        };
        assert!(short(&unknown).contains("#Instances:tag:collector:lease=run-1"));
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
            let read = reading::page(&page);
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
            let harmless = reading::page(&summary(&report("x"), &Facts { files: &[("x".into(), 1)], ..facts })).len();
            let page = reading::page(&summary(&report(&word), &facts));
            prop_assert_eq!(page.len(), harmless);
            reading::page(&short(&leaked(&word)));
        }
    }
}
