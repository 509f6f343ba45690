//! The records that belong to all samples of a run of several.

use crate::cancel::{Completion, until_cancelled};
use crate::export::files;
use crate::provider::Provider;
use crate::records::{Figures, Record};
use crate::report::{Outcome, RunReport};
use crate::reporter::{Event, Reporter};
use crate::results::{run_directory, write_report, write_run, write_run_file};
use crate::sample::{Plan, Run};
use crate::shell::Shell;

/// Makes the page of a run of several samples; that this fails is a warning, for it shows only what is there.
pub(super) async fn draw<P: Provider, H: Shell, R: Reporter>(
    run: &Run<'_, P, H, R>,
    report: &RunReport,
) {
    if report.asked == 1 {
        return;
    }
    let directory = run_directory(&run.plan.output, &run.plan.revision, &run.plan.run);
    let making = write_report(&directory, &directory);
    match until_cancelled(run.interrupt.token(), making).await {
        Completion::Returned(Err(error)) => {
            run.reporter.report(Event::Warning(error.to_string()));
        }
        Completion::Panicked(message) => run.reporter.report(Event::Warning(message)),
        Completion::Returned(Ok(())) | Completion::Cancelled => {}
    }
}

/// Writes what belongs to all samples of a run of several.
pub(super) async fn write_down<T: Record + Send + 'static>(
    plan: &Plan,
    record: T,
    report: &mut RunReport,
) {
    if report.asked > 1
        && let Err(error) = write_run(&plan.output, &plan.revision, &plan.run, record).await
    {
        report.fail(Outcome::Unavailable, error.to_string(), error.hint());
    }
}

/// Writes the figures of all samples of a run of several in the formats of other tools; that one is missing is a warning.
pub(super) async fn export<R: Reporter>(
    run: &Run<'_, impl Provider, impl Shell, R>,
    figures: &Figures,
) {
    let plan = run.plan;
    if plan.share.count() == 1 {
        return;
    }
    let files = match files(&plan.config.exports, figures) {
        Ok(files) => files,
        Err(error) => {
            let warning = format!("exporting figures: {error}");
            run.reporter.report(Event::Warning(warning));
            return;
        }
    };
    for (name, text) in files {
        let (output, revision) = (&plan.output, &plan.revision);
        let written = write_run_file(output, revision, &plan.run, name, text.into()).await;
        if let Err(error) = written {
            run.reporter.report(Event::Warning(error.to_string()));
        }
    }
}
