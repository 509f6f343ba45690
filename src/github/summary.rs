//! The job summary: what came of a run, on one page.

mod charts;

use std::time::Duration;

use indicatif::HumanBytes;

use super::artifact::Artifact;
use super::markdown::{
    Budget, clipped, code, details, fenced, link, list, prose, span, table, text,
};
use super::{CAUTION, verdict};
use crate::config::human_duration;
use crate::report::{
    Diagnostic, Outcome, Release, RunReport, SampleReport, time_outs, utc_to_the_second,
};
use crate::report_page::Metrics;

/// GitHub drops a longer summary. Each part has a budget of its own, and together they stay below.
pub(crate) const MAX_BYTES: usize = 1_048_576;

const ERRORS: Budget = budget(50, 150_000);
const ROWS: Budget = budget(1000, 250_000);
const FILES: Budget = budget(50, 150_000);
const WARNINGS: Budget = budget(20, 150_000);

/// So many lines of a failing step's output are shown.
const LAST_LINES: usize = 40;

/// The longest message and the longest name, in characters.
const MAX_MESSAGE: usize = 2000;
const MAX_NAME: usize = 300;

const fn budget(lines: usize, bytes: usize) -> Budget {
    Budget { lines, bytes }
}

/// The facts about a run on GitHub beyond its report.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    /// The page of the workflow run.
    pub run_url: Option<&'a str>,
    /// The page of the measured commit.
    pub commit_url: Option<&'a str>,
    /// The uploaded results.
    pub artifact: Option<&'a Artifact>,
    /// The number of the sample, where there are several.
    pub number: Option<u32>,
    /// Every collected file and its size.
    pub files: &'a [(String, u64)],
    /// The step that failed.
    pub failure: Option<Failure<'a>>,
    /// The load of the instance, where it is to be drawn.
    pub metrics: Option<&'a Metrics>,
}

/// A step that failed, and how its output ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure<'a> {
    /// The script.
    pub script: &'a str,
    /// At least the end of what it wrote.
    pub output: &'a str,
}

/// The page.
pub(crate) fn summary(report: &SampleReport, facts: &Facts<'_>) -> String {
    let number = facts.number.map(numbered).unwrap_or_default();
    let heading = format!("## collector: {number}{}\n", outcome_of(report));
    let parts = [
        Some(heading),
        leak(report),
        kept(report),
        report.description.as_deref().map(description),
        errors(&report.errors),
        facts.failure.as_ref().map(last_lines),
        Some(stages(report)),
        facts.metrics.and_then(charts::charts),
        Some(particulars(report, facts)),
        files(facts),
        warnings(report),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The head of the pages of several samples: how the run as a whole ended.
pub(crate) fn of_run(report: &RunReport) -> String {
    let heading = heading_of_run(report);
    let errors = errors(&report.errors).map(|errors| format!("\n{errors}"));
    format!("## collector: {heading}\n{}", errors.unwrap_or_default())
}

/// The outcome of a run in a few lines, for the step's outputs.
pub(crate) fn short_of_run(report: &RunReport) -> String {
    if let [sample] = report.samples.as_slice() {
        return short(sample, None);
    }
    let mut parts = vec![heading_of_run(report) + "\n"];
    for sample in &report.samples {
        parts.push(short(sample, Some(sample.sample)));
    }
    parts.join("\n")
}

fn heading_of_run(report: &RunReport) -> String {
    outcome(report.outcome, &report.timed_out(), report.took())
}

/// The number of a sample before what is said of it.
fn numbered(number: u32) -> String {
    format!("sample {number}: ")
}

/// The outcome of a sample in a few lines, with its number where there are several.
pub(crate) fn short(report: &SampleReport, number: Option<u32>) -> String {
    let on = report
        .instance
        .as_ref()
        .and_then(|instance| instance.instance_type.as_deref())
        .map(|instance_type| format!(" on {}", span(instance_type)))
        .unwrap_or_default();
    let revision = span(report.revision.as_str());
    let first = format!(
        "{}{}: {revision}{on}, {}\n",
        number.map(numbered).unwrap_or_default(),
        outcome_of(report),
        report.collected
    );
    let error = report.errors.first().map(|error| {
        let message = span(&clipped(&error.message, MAX_MESSAGE));
        format!("{message}\n")
    });
    [leak(report), Some(first), error, kept(report)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

/// The page of a run that was refused before anything was launched.
pub(crate) fn render_refusal(message: &str, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!("\n{}\n", prose(hint)));
    format!(
        "## ❌ refused: nothing was launched\n\n{}\n{}",
        fenced(message),
        hint.unwrap_or_default()
    )
}

/// The page of a run that was killed before it could report.
pub(crate) fn unreported(leaked: bool) -> String {
    let instance = if leaked {
        "an instance may still be running: see the log of the post step"
    } else {
        "no instance is left"
    };
    let outcome = verdict(Outcome::Interrupted);
    format!("## collector: {outcome}\n\nThe run was ended before it could report; {instance}.\n")
}

fn outcome_of(report: &SampleReport) -> String {
    outcome(report.outcome, &report.timed_out(), report.took())
}

fn outcome(outcome: Outcome, timed_out: &[String], took: Duration) -> String {
    format!(
        "{} after {}{}",
        verdict(outcome),
        human_duration(took),
        text(&clipped(&time_outs(timed_out), MAX_NAME)),
    )
}

/// Instances that may still cost money, before everything else.
fn leak(report: &SampleReport) -> Option<String> {
    let Release::Unconfirmed { id, reason } = &report.released else {
        return None;
    };
    let region = text(&report.region);
    let (what, url) = match id {
        Some(id) => (
            format!("Instance {}", span(id.as_str())),
            id.console_url(&report.region),
        ),
        None => (
            format!(
                "An instance with the tag {}",
                span(&format!("collector:lease={}", report.lease))
            ),
            report.lease.console_url(&report.region),
        ),
    };
    let reason = span(&clipped(reason, MAX_MESSAGE));
    let may = match url {
        Some(url) => format!(
            "**{what} in {region} may still be running and cost money.** {} and terminate it there.",
            link("Look at it in the AWS console", &url)
        ),
        None => format!("**{what} in {region} may still be running.**"),
    };
    Some(format!("{CAUTION}> {may}\n> Why: {reason}\n"))
}

/// An instance that was asked to stay, and the commands that lead to it.
fn kept(report: &SampleReport) -> Option<String> {
    let Release::Kept { id, until } = &report.released else {
        return None;
    };
    let SampleReport { run, sample, .. } = report;
    let price = report
        .instance
        .as_ref()
        .and_then(|instance| instance.price_per_hour);
    let costs = price.map_or_else(String::new, |price| {
        text(&format!(" and costs {price} an hour"))
    });
    let command = |command: &str| span(&format!("collect {command} {run} --sample {sample}"));
    Some(format!(
        "Instance {} in {} stays until {}{costs}, then it ends itself. On the runner, which has its key: {} looks at it, {} \
         collects again. From anywhere: {} ends it now.\n",
        span(id.as_str()),
        text(&report.region),
        utc_to_the_second(*until),
        command("ssh"),
        command("fetch"),
        span(&format!(
            "collect reap --run {run} --region {}",
            report.region
        )),
    ))
}

fn description(description: &str) -> String {
    format!("{}\n", text(&clipped(description, MAX_MESSAGE)))
}

fn errors(errors: &[Diagnostic]) -> Option<String> {
    let items: Vec<String> = errors
        .iter()
        .map(|error| {
            let message = text(&clipped(&error.message, MAX_MESSAGE));
            match &error.hint {
                Some(hint) => format!(
                    "**error:** {message}<br>**hint:** {}",
                    prose(&clipped(hint, MAX_MESSAGE))
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
    let script = clipped(failure.script, MAX_NAME);
    details(
        &format!("The last lines of {script}"),
        &fenced(&lines.join("\n")),
    )
}

fn stages(report: &SampleReport) -> String {
    let rows: Vec<[String; 5]> = report
        .rows()
        .iter()
        .map(|row| row.each_ref().map(|cell| text(&clipped(cell, MAX_NAME))))
        .collect();
    table(&SampleReport::COLUMNS, &rows, "rows", ROWS)
}

/// On what it was measured, and where the results are.
fn particulars(report: &SampleReport, facts: &Facts<'_>) -> String {
    let revision = report.revision.as_str();
    let revision = match facts.commit_url {
        Some(url) => link(revision, url),
        None => code(revision),
    };
    let mut items = vec![format!("revision {revision}")];
    if let Some(instance) = &report.instance {
        let gone = match &report.released {
            Release::Unconfirmed { .. } => String::new(),
            Release::Kept { until, .. } => format!(", stays until {}", utc_to_the_second(*until)),
            Release::Terminated | Release::NothingLaunched => ", is gone".into(),
        };
        let cost = report.cost();
        let cost = cost.map_or_else(String::new, |cost| {
            text(&format!(", has cost about {cost}"))
        });
        let mut facts = vec![code(instance.id.as_str())];
        for fact in [&instance.instance_type, &instance.image]
            .into_iter()
            .flatten()
        {
            facts.push(code(&clipped(fact, MAX_NAME)));
        }
        let place = text(instance.zone.as_ref().unwrap_or(&instance.region));
        items.push(format!(
            "instance {} in {place}{gone}{cost}",
            facts.join(", ")
        ));
    }
    items.push(report.collected.to_string());
    if let Some(artifact) = &facts.artifact {
        items.push(format!(
            "artifact {}, {}, {}",
            link(artifact.name.as_str(), &artifact.url),
            HumanBytes(artifact.size),
            code(&format!("sha256:{}", artifact.digest))
        ));
    }
    if let Some(url) = facts.run_url {
        items.push(link("workflow run", url));
    }
    list(&items, "facts", budget(items.len(), MAX_BYTES))
}

fn files(facts: &Facts<'_>) -> Option<String> {
    let rows: Vec<[String; 2]> = facts
        .files
        .iter()
        .map(|(name, size)| {
            [
                code(&clipped(name, MAX_NAME)),
                HumanBytes(*size).to_string(),
            ]
        })
        .collect();
    let body = table(&["file", "size"], &rows, "files", FILES);
    (!rows.is_empty()).then(|| details("Files", &body))
}

fn warnings(report: &SampleReport) -> Option<String> {
    let items: Vec<String> = report
        .warnings
        .iter()
        .map(|warning| text(&clipped(warning, MAX_MESSAGE)))
        .collect();
    (!items.is_empty()).then(|| format!("Warnings:\n\n{}", list(&items, "warnings", WARNINGS)))
}

#[cfg(test)]
mod tests;
