//! The end of a run, after its instance: the report, the archive, the index.

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use super::{Pipeline, Run};
use crate::interrupt::Interrupt;
use crate::lease::{Ended, until_cancelled};
use crate::phase::Stage;
use crate::provider::Provider;
use crate::report::{Outcome, Release, RunReport};
use crate::reporter::{Event, Reporter};
use crate::results::{Results, ResultsError};
use crate::shell::Shell;

impl<P: Provider, H: Shell, R: Reporter> Run<'_, P, H, R> {
    /// The instance is gone: the report, the archive, the index.
    pub(super) async fn close(
        mut self,
        started: Timestamp,
        released: Release,
    ) -> Result<RunReport, ResultsError> {
        let Pipeline {
            plan,
            provider,
            here,
            reporter,
            interrupt,
            ..
        } = self.pipeline;
        // A signal after the work: nothing measured is missing, but the run ends without its archive.
        if interrupt.run().is_cancelled() && self.journal.outcome < Outcome::Interrupted {
            self.note_signal();
        }
        if let Release::Unconfirmed { reason, .. } = &released {
            self.journal.fail(
                Outcome::Leaked,
                format!("termination is not confirmed: {reason}"),
                Some(&format!("`collect reap --run {}` tries again", plan.run)),
            );
        }
        // Nobody needs a job's directory after its run, and what stays in it is only disk space.
        let _ = tokio::fs::remove_dir_all(&here.jobs).await;
        let Journal {
            outcome,
            errors,
            warnings,
            stages,
            instance,
            collected,
            ..
        } = self.journal;
        let mut report = RunReport {
            format: 1,
            collector: env!("CARGO_PKG_VERSION"),
            run: plan.run.clone(),
            lease: self.lease,
            provider: provider.name(),
            region: provider.region().to_owned(),
            revision: plan.revision.clone(),
            description: plan.description.clone(),
            started,
            finished: Timestamp::now(),
            outcome,
            signal: interrupt.signal(),
            errors,
            warnings,
            instance,
            released,
            stages,
            collected,
            directory: None,
            archive: None,
        };
        let mut results = self.results;
        let settled = results.settle();
        report.directory = Some(results.path().to_owned());
        let written = settled.and_then(|()| results.index_after(&report));
        match written {
            Err(error) => {
                report.fail(Outcome::Unavailable, error.to_string(), error.hint());
                // Also under the temporary name: what happened is worth keeping. That this fails too is told above.
                let _ = results.index_after(&report);
            }
            Ok(()) if interrupt.run().is_cancelled() => {}
            Ok(()) => {
                archive(&results, &mut report, reporter, interrupt.run()).await;
                if interrupt.run().is_cancelled() {
                    report.signal = interrupt.signal();
                    report.fail(Outcome::Interrupted, signal_words(interrupt), None);
                    // The results are complete; only their report would not tell of the signal.
                    let _ = results.index_after(&report);
                }
            }
        }
        reporter.report(&Event::Finished(&report));
        Ok(report)
    }
}

/// What ended the run, in words.
pub(super) fn signal_words(interrupt: &Interrupt) -> String {
    match interrupt.signal() {
        Some(signal) => format!("the run was ended by a signal ({signal})"),
        None => "the run was cancelled".into(),
    }
}

/// Packs the results; that this fails is a warning, for nothing but the archive is lost.
async fn archive(
    results: &Results,
    report: &mut RunReport,
    reporter: &impl Reporter,
    cancel: &CancellationToken,
) {
    let since = Instant::now();
    reporter.report(&Event::StageStarted(Stage::Archive));
    let packed = results.clone();
    let packing = tokio::task::spawn_blocking(move || {
        let archive = packed.archive()?;
        packed.index()?;
        Ok::<_, ResultsError>(archive)
    });
    let mut warnings = Vec::new();
    match until_cancelled(cancel, packing).await {
        Ended::Returned(Ok(Ok(path))) => report.archive = Some(path),
        Ended::Returned(Ok(Err(error))) => warnings.push(error.to_string()),
        Ended::Returned(Err(panic)) => warnings.push(panic.to_string()),
        Ended::Panicked(message) => warnings.push(message),
        Ended::Cancelled => {
            results.discard_archive();
            warnings.push("no archive was written".into());
        }
    }
    for warning in warnings {
        reporter.report(&Event::Warning(warning.clone()));
        report.warnings.push(warning);
    }
    reporter.report(&Event::StageFinished {
        stage: Stage::Archive,
        ok: report.archive.is_some(),
        took: since.elapsed(),
    });
}
