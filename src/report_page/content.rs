//! The input of the page's script: everything that it shows, as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::history::{History, histories};
use super::metrics::Chart;
use super::pack::packed;
use super::plan::{PlannedStage, plan};
use super::tables::{CollectedFile, Fact, facts, files};
use super::{Across, Log, RunResults, SampleResults};
use crate::comparison::hosts::Difference;
use crate::comparison::{Comparison, OneSided, Verdict, invocation, reproduction};
use crate::figures::Direction;
use crate::instance::LOCAL_REGION;
use crate::records::TurnValues;
use crate::report::{Diagnostic, Outcome, SampleReport, utc_to_the_second};

/// The most numbers that a page holds of all metrics together: of the usual ones, and of those that there is one of for every
/// CPU and device.
const MOST_NUMBERS: usize = 2_500_000;
const MOST_NUMBERS_OF_MANY: usize = 1_500_000;

#[derive(Debug, Serialize)]
pub(super) struct Content {
    pub(super) title: String,
    collector: &'static str,
    made: String,
    answers: Vec<Answer>,
    runs: Vec<Run>,
    samples: Vec<Sample>,
    figures: Vec<Figure>,
    history: Vec<History>,
    facts: Vec<Fact>,
}

/// The comparison of two revisions.
#[derive(Debug, Serialize)]
struct Answer {
    /// The run that measured both; none where they are of different ones.
    run: Option<usize>,
    baseline: String,
    candidate: String,
    sentence: String,
    /// The head of the changes, with the level of their intervals.
    change: String,
    rows: Vec<AnswerRow>,
    /// The limits of every row.
    remarks: Vec<String>,
    one_sided: Vec<OneSided>,
    /// The facts that the hosts of the two sides differ in.
    differences: Vec<String>,
}

/// A row in numbers for the plot, and in the words of the table on a terminal.
#[derive(Debug, Serialize)]
struct AnswerRow {
    name: String,
    values: [String; 2],
    change: String,
    noise: String,
    verdict: Verdict,
    words: String,
    ratio: Option<f64>,
    interval: Option<[f64; 2]>,
    baseline_noise: Option<[f64; 2]>,
    candidate_noise: Option<[f64; 2]>,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Run {
    id: String,
    revision: String,
    baseline: Option<String>,
    commit: Option<String>,
    description: Option<String>,
    started: Option<Timestamp>,
    outcome: &'static str,
    passed: bool,
    errors: Vec<Diagnostic>,
    command: String,
    plan: Vec<PlannedStage>,
    config: Option<String>,
}

#[derive(Debug, Serialize)]
struct Sample {
    run: usize,
    name: String,
    report: SampleReport,
    files: Vec<CollectedFile>,
    more_files: usize,
    logs: Vec<PackedLog>,
    metrics: Option<Chart>,
}

#[derive(Debug, Serialize)]
struct PackedLog {
    path: String,
    left_out: u64,
    bytes: usize,
    head: String,
    tail: String,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: String,
    better: Direction,
    turns: Vec<TurnValues>,
}

impl Content {
    /// The content of a page of these runs, oldest first.
    pub(super) fn of(runs: &[RunResults], across: Option<&Across>, made: Timestamp) -> Self {
        let samples: Vec<(usize, &SampleResults)> = runs
            .iter()
            .enumerate()
            .flat_map(|(place, run)| run.samples.iter().map(move |sample| (place, sample)))
            .collect();
        let within = runs.iter().enumerate().filter_map(|(place, run)| {
            let figures = run.figures.as_ref()?;
            let names = [
                figures.baseline.as_ref()?.short().to_owned(),
                figures.revision.short().to_owned(),
            ];
            Some(Answer::new(Some(place), names, &run.comparison()?, &[]))
        });
        let mut answers: Vec<Answer> = across
            .iter()
            .map(|across| {
                Answer::new(
                    None,
                    across.revisions.clone(),
                    &across.comparison,
                    &across.differences,
                )
            })
            .collect();
        answers.extend(within);
        let labels = labels(runs);
        let all: Vec<&SampleResults> = samples.iter().map(|(_, sample)| *sample).collect();
        let thinning = thinning(&all);
        Self {
            title: title(runs, &answers),
            collector: env!("CARGO_PKG_VERSION"),
            made: utc_to_the_second(made),
            answers,
            runs: runs.iter().map(Run::of).collect(),
            figures: figures(runs, &all),
            history: histories(runs),
            facts: facts(&all),
            samples: samples
                .into_iter()
                .map(|(run, sample)| {
                    let label = labels.get(run).map_or("", String::as_str);
                    Sample::of(run, sample, label, thinning)
                })
                .collect(),
        }
    }

    /// The answers, or what came of the runs where there are none.
    pub(super) fn sentences(&self) -> Vec<String> {
        if self.answers.is_empty() {
            let runs = self.runs.iter();
            return runs
                .map(|run| format!("{}: {}", run.revision, run.outcome))
                .collect();
        }
        let answers = self.answers.iter();
        answers.map(|answer| answer.sentence.clone()).collect()
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

fn title(runs: &[RunResults], answers: &[Answer]) -> String {
    if let [answer] = answers {
        return format!("{} against {}", answer.candidate, answer.baseline);
    }
    let mut revisions: Vec<&str> = Vec::new();
    for sample in runs.iter().flat_map(|run| &run.samples) {
        if !revisions.contains(&sample.report.revision.as_str()) {
            revisions.push(sample.report.revision.as_str());
        }
    }
    match revisions.as_slice() {
        [] => "Results".to_owned(),
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first} to {last}, {} runs", runs.len()),
    }
}

/// What tells the samples of the runs apart: nothing where there is one run, else the revision, and the time where several
/// runs have measured it, to the second where that is enough.
fn labels(runs: &[RunResults]) -> Vec<String> {
    let revision = |run: &RunResults| Some(run.samples.first()?.report.revision.clone());
    let label = |run: &RunResults| {
        let of_run = revision(run)?;
        let same = runs
            .iter()
            .filter(|other| revision(other).as_ref() == Some(&of_run));
        let starts = || same.clone().filter_map(RunResults::started);
        let second = |time: Timestamp| time.as_second();
        Some(match run.started() {
            _ if runs.len() == 1 => String::new(),
            Some(started) if starts().count() > 1 => {
                let at_once = starts().filter(|other| second(*other) == second(started));
                let form = if at_once.count() > 1 {
                    "%F %T%.6f"
                } else {
                    "%F %T"
                };
                format!("{of_run} ({}) ", started.strftime(form))
            }
            _ => format!("{of_run} "),
        })
    };
    runs.iter()
        .map(|run| label(run).unwrap_or_default())
        .collect()
}

/// The number of readings that become one, of the usual metrics and of the others.
fn thinning(samples: &[&SampleResults]) -> [usize; 2] {
    let metrics = || samples.iter().filter_map(|sample| sample.metrics.as_ref());
    let of_many: usize = metrics().map(super::Metrics::size_of_many).sum();
    let all: usize = metrics().map(super::Metrics::size).sum();
    [
        all.saturating_sub(of_many).div_ceil(MOST_NUMBERS).max(1),
        of_many.div_ceil(MOST_NUMBERS_OF_MANY).max(1),
    ]
}

/// The figures of all runs by their names, with the places of the page's samples.
fn figures(runs: &[RunResults], samples: &[&SampleResults]) -> Vec<Figure> {
    let mut joined: Vec<Figure> = Vec::new();
    for figures in runs.iter().filter_map(|run| run.figures.as_ref()) {
        let places = figures
            .samples
            .iter()
            .map(|of| samples.iter().position(|sample| sample.is(of)));
        let places: Vec<Option<usize>> = places.collect();
        for figure in &figures.figures {
            let turns = figure.turns.iter().filter_map(|turn| {
                let mut turn = turn.clone();
                turn.sample = (*places.get(turn.sample)?)?;
                Some(turn)
            });
            let known = joined
                .iter_mut()
                .find(|known| known.name == figure.name && known.unit == figure.unit);
            match known {
                Some(known) => known.turns.extend(turns),
                None => joined.push(Figure {
                    name: figure.name.clone(),
                    unit: figure.unit.clone(),
                    better: figure.better,
                    turns: turns.collect(),
                }),
            }
        }
    }
    joined.retain(|figure| !figure.turns.is_empty());
    joined
}

impl Answer {
    fn new(
        run: Option<usize>,
        names: [String; 2],
        comparison: &Comparison,
        differences: &[Difference],
    ) -> Self {
        let [baseline, candidate] = names;
        let owned = |reasons: Vec<&str>| reasons.into_iter().map(str::to_owned).collect();
        let rows = comparison.rows.iter().map(|row| AnswerRow {
            name: row.name.clone(),
            values: row.values(),
            change: row.change(),
            noise: row.noise_of_both(),
            verdict: row.verdict,
            words: row.verdict_with_reach(),
            ratio: row.ratio,
            interval: row.interval,
            baseline_noise: row.baseline_noise,
            candidate_noise: row.candidate_noise,
            reasons: owned(comparison.own_reasons(row)),
        });
        let joined = |values: &std::collections::BTreeSet<String>| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            values.join(", ")
        };
        let differences = differences.iter().map(|difference| {
            let (before, after) = (joined(&difference.baseline), joined(&difference.candidate));
            format!(
                "{}: {before} on the baseline, {after} on the candidate ({})",
                difference.fact,
                difference.meaning()
            )
        });
        Self {
            run,
            baseline,
            candidate,
            sentence: comparison.sentence(),
            change: comparison.head_of_changes(),
            rows: rows.collect(),
            remarks: owned(comparison.common_reasons()),
            one_sided: comparison.one_sided.clone(),
            differences: differences.collect(),
        }
    }
}

impl Run {
    fn of(run: &RunResults) -> Self {
        let first = run.samples.first().map(|sample| &sample.report);
        let worst = run.samples.iter().map(|sample| sample.report.outcome).max();
        let outcome = run.report.as_ref().map(|report| report.outcome).or(worst);
        let figures = run.figures.as_ref();
        Self {
            id: first
                .map(|report| report.run.to_string())
                .unwrap_or_default(),
            revision: first
                .map(|report| report.revision.to_string())
                .unwrap_or_default(),
            baseline: figures.and_then(|figures| Some(figures.baseline.as_ref()?.to_string())),
            commit: first.and_then(|report| Some(report.commit.as_ref()?.as_str().to_owned())),
            description: first.and_then(|report| report.description.clone()),
            started: run.started(),
            outcome: outcome.map_or("", Outcome::label),
            passed: outcome == Some(Outcome::Passed),
            errors: run
                .report
                .as_ref()
                .map(|report| report.errors.clone())
                .unwrap_or_default(),
            command: command(run),
            plan: plan(run),
            config: run.samples.iter().find_map(|sample| sample.config.clone()),
        }
    }
}

/// The command that measures the same again, in the directory of the config. Without a comparison no order is drawn, and none
/// needs a seed.
fn command(run: &RunResults) -> String {
    let Some(first) = run.samples.first().map(|sample| &sample.report) else {
        return String::new();
    };
    let config = first.config.as_deref().unwrap_or("config.yml");
    let config = invocation(config, first.region == LOCAL_REGION);
    let count = u32::try_from(run.samples.len()).unwrap_or(u32::MAX);
    let samples = run.report.as_ref().map_or(count, |report| report.asked);
    match &run.figures {
        Some(figures) => reproduction(&config, figures, samples),
        None => format!("collect {config} {} --samples {samples}", first.revision),
    }
}

impl Sample {
    fn of(run: usize, sample: &SampleResults, label: &str, [thin, thinner]: [usize; 2]) -> Self {
        let report = &sample.report;
        let (files, more_files) = files(sample);
        Self {
            run,
            name: format!("{label}sample {}", report.sample),
            report: report.clone(),
            files,
            more_files,
            logs: sample.logs.iter().map(PackedLog::of).collect(),
            metrics: sample
                .metrics
                .as_ref()
                .map(|metrics| metrics.chart(thin, thinner)),
        }
    }
}

impl PackedLog {
    fn of(log: &Log) -> Self {
        Self {
            path: log.path.clone(),
            left_out: log.left_out,
            bytes: log.head.len() + log.tail.len(),
            head: packed(log.head.as_bytes()),
            tail: packed(log.tail.as_bytes()),
        }
    }
}
