//! `collect check`: whether a config can be used, and what would travel with it.

use super::paths::expand_home;
use super::revision::repository;
use crate::cli::CheckArgs;
use crate::config::{DuetError, ProviderSpec, human_duration, plural};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::project::{Project, Selection, calls_for_checkout, select, unsent_calls};
use crate::project_file::ProjectFile;
use crate::reporter::console::Console;
use crate::shell::process::ProcessShell;

/// The most files that are listed, the largest first.
const MAX_LISTED: usize = 10;

/// The most calls that are warned of.
const MAX_CALLS: usize = 10;

/// Checks a config and says what it found.
///
/// # Errors
/// Every problem of the config.
pub(super) async fn check(args: &CheckArgs, console: &Console) -> Result<ExitStatus, Error> {
    let project = Project::open(&args.config, args.local)?;
    let config = &project.config;
    if let Some(source) = repository(&project) {
        let shell = ProcessShell::in_directory(&project.directory);
        crate::repository::check(&shell, &source).await?;
    }
    console.say(&format!(
        "{} is valid: {}, {}",
        project.path.display(),
        plural(config.steps().count(), "step"),
        plural(config.performance_results.len(), "pattern")
    ));
    if let Some(words) = config.describe_precision() {
        console.say(&format!("precision: {words}"));
    }
    for warning in config.uncompared() {
        console.warn(&warning);
    }
    match config.check_duet() {
        // It may be named on the command line.
        Err(DuetError::NoBaseline) => {
            console.warn("`duet` without a `baseline`: a run that is given none is refused");
        }
        checked => checked?,
    }
    if config.provider != ProviderSpec::Local {
        config.check_bake()?;
    }
    if let Some(uneven) = config.uneven_duets() {
        console.note(&uneven);
    }
    let output = expand_home(&config.output);
    let absolute = std::path::absolute(&output).unwrap_or_else(|_| output.clone());
    console.say(&format!(
        "results would go to {}/<revision>/<instance>",
        absolute.display()
    ));
    let left_out: Vec<_> = output.canonicalize().into_iter().collect();
    let selection = select(&project.directory, config, &project.text, &left_out);
    for line in lines(&selection) {
        console.say(&line);
    }
    for warning in &selection.warnings {
        console.warn(warning);
    }
    for flaw in &selection.flaws {
        console.note(&format!(
            "{}: a step of `before_aws_start` has to make it",
            flaw.message
        ));
    }
    let calls = unsent_calls(&project.directory, config, &selection.files);
    for (script, path) in calls.iter().take(MAX_CALLS) {
        let path = path.display();
        console.warn(&format!(
            "{script} seems to need `{path}`, which is not uploaded: add it to `upload` in `main`"
        ));
    }
    if let Some(more) = calls.len().checked_sub(MAX_CALLS).filter(|more| *more > 0) {
        console.warn(&format!(
            "the scripts seem to need {} besides that are not uploaded",
            plural(more, "file")
        ));
    }
    for script in calls_for_checkout(&project.directory, config) {
        console.warn(&format!(
            "{script} uses $COLLECTOR_SOURCE, which is empty: add `repository: .` and `send: true` to `main`"
        ));
    }
    for script in config.endless_measurements() {
        console.warn(&format!(
            "`run`: {script} has no `timeout`: if it hangs, the instance costs money until `max_lifetime` ({}) is nearly over",
            human_duration(config.max_lifetime)
        ));
    }
    Ok(ExitStatus::Passed)
}

/// The files that travel: the sum, and the largest ones.
fn lines(selection: &Selection) -> Vec<String> {
    let mut files: Vec<&ProjectFile> = selection
        .files
        .iter()
        .filter(|file| file.is_file())
        .collect();
    files.sort_by(|a, b| {
        b.size()
            .cmp(&a.size())
            .then(a.destination.cmp(&b.destination))
    });
    let bytes: u64 = files.iter().map(|file| file.size()).sum();
    let mut lines = vec![format!(
        "to the instance: {}, {}",
        plural(files.len(), "file"),
        size(bytes)
    )];
    let listed = files.iter().take(MAX_LISTED);
    lines.extend(listed.map(|file| {
        let destination = file.destination.display().to_string();
        format!(
            "{:>10}  {}",
            size(file.size()),
            crate::shell::one_line(destination.as_bytes())
        )
    }));
    if let Some(more) = files.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        lines.push(format!(
            "{:>10}  {} that are smaller",
            "…",
            plural(more, "file")
        ));
    }
    lines
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
