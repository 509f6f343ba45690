//! The end of a sample, after its instance: the report, the archive, the index.

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use super::stored::store_archive;
use super::{MeasuredSample, Sample, gather};
use crate::cancel::{Completion, until_cancelled};
use crate::config::Config;
use crate::export::files;
use crate::interrupt::Interrupt;
use crate::lease::Rental;
use crate::phase::Stage;
use crate::provider::{Provider, ProviderError};
use crate::records::Figures;
use crate::report::{Outcome, Release, SampleReport, StageReport, too_slow, utc_to_the_second};
use crate::reporter::{Event, Reporter};
use crate::results::{RECORDS, Results, write_report};
use crate::shell::Shell;

impl<P: Provider, H: Shell, R: Reporter> Sample<'_, P, H, R> {
    /// Nothing is launched: a look-up before the launch failed, or was broken off.
    pub(crate) fn end_look_up(&mut self, failure: Option<(String, Option<&str>)>) {
        match failure {
            Some((message, hint)) => self.journal.fail(Outcome::Unavailable, message, hint),
            None => self.note_signal(),
        }
    }

    /// The launch gave no instance.
    pub(crate) fn end_launch(&mut self, error: Option<ProviderError>, release: Release) {
        self.release = release;
        match error {
            Some(error) => {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
            }
            None => self.note_signal(),
        }
        self.journal.close_open_records();
    }

    /// Enters how a piece of work ended.
    pub(crate) fn note_end(&mut self, ended: Completion<()>) {
        match ended {
            Completion::Returned(()) => {}
            Completion::Cancelled => self.note_signal(),
            Completion::Panicked(message) => self.journal.fail(
                Outcome::Unavailable,
                format!("collector panicked: {message}"),
                Some("this is a bug in collector: please report it"),
            ),
        }
        self.journal.close_open_records();
    }

    /// Enters how the work on the instance ended, and its termination.
    pub(crate) async fn enter_rental(&mut self, rental: Rental) {
        if let Some(file) = self.stage_file.take() {
            file.remove().await;
        }
        let Rental {
            id,
            ended,
            release,
            not_kept,
            terminate_started,
            terminate_took,
        } = rental;
        self.note_end(ended);
        if let Some(reason) = not_kept {
            self.journal
                .warn(format!("instance {id} was not kept: {reason}"));
        }
        if let Release::Kept { until, .. } = release {
            self.expires_at = until;
        } else {
            self.journal.enter_finished(
                Stage::Terminate,
                release == Release::Terminated,
                terminate_started,
                terminate_took,
            );
        }
        if release == Release::Terminated {
            self.run.records.forget_instance(&id).await;
        }
        self.release = release;
    }

    /// Enters why the work was broken off.
    pub(super) fn note_signal(&mut self) {
        if self.run.interrupt.token().is_cancelled() {
            let reason = describe_signal(self.run.interrupt);
            self.journal.fail(Outcome::Interrupted, reason, None);
        } else {
            let reason = "ended because another sample failed (`fail_fast`)";
            self.journal.fail(Outcome::StepFailed, reason.into(), None);
        }
    }

    /// A sample that never got an instance leaves nothing behind.
    pub(crate) async fn discard(self) {
        self.results.discard().await;
    }

    /// Writes the report, the archive and the index. Once it is `late`, figures are not read any more.
    pub(crate) async fn finish(
        mut self,
        started: Timestamp,
        late: &CancellationToken,
    ) -> (SampleReport, Option<MeasuredSample>) {
        let cancel = self.run.interrupt.token().clone();
        // A signal after the work: nothing measured is missing, but the run ends without its archive.
        if cancel.is_cancelled() && self.journal.outcome < Outcome::Interrupted {
            self.note_signal();
        }
        self.note_unconfirmed();
        if self.journal.collected.is_none() {
            // A collection that was dropped may still be writing to where the results are now.
            self.journal.collected = Some(self.arrivals.finish().await);
        }
        self.give_up_object().await;
        let plan = self.run.plan;
        let reading = async {
            self.measured().await;
        };
        if !matches!(
            until_cancelled(late, reading).await,
            Completion::Returned(())
        ) {
            self.journal
                .warn("the figures were not read: a signal left no time for it".into());
        }
        let measured = self.measured.take();
        let figures = measured
            .as_ref()
            .and_then(|measured| gather(plan, &[measured]));
        if let Some((_, warnings)) = &figures {
            for warning in warnings {
                self.warn_once(warning.clone());
            }
        }
        self.complete_host_record().await;
        let mut report = self.report(started);
        if self.did_nothing() || (self.run.plan.bakes && self.passed()) {
            self.discard().await;
            return (report, None);
        }
        let mut results = self.results;
        let journal = self.journal;
        let named = results.finalize_name().await;
        report.directory = Some(results.path().to_owned());
        if let Err(error) = &named {
            // The report is worth keeping under the temporary name, too.
            report.fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        if let Some((figures, _)) = figures {
            if plan.share.count() == 1
                && let Some(slower) = too_slow(&figures, plan.config.fail_on)
            {
                report.outcome = report.outcome.max(Outcome::Slower);
                report.errors.push(slower);
            }
            write_figures(&plan.config, figures, &results, &mut report, &journal).await;
        }
        let recorded = results.record(report.clone()).await;
        if let Err(error) = &recorded {
            report.fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        let indexed = results.index().await;
        if let Err(error) = &indexed {
            warn(&mut report, &journal, error.to_string());
        }
        results.release_reserve();
        if named.is_err() || recorded.is_err() || cancel.is_cancelled() {
            return (report, measured);
        }
        draw(&results, &mut report, &journal, &cancel).await;
        let (kept, store) = (plan.config.archive, self.run.provider.store());
        if kept || store.is_some() {
            archive(&results, kept, &mut report, &journal, &cancel).await;
        }
        if let Some(store) = store {
            store_archive(store, &mut report, &journal, &cancel).await;
            // The archive does not tell of its copy; the report beside it does.
            if let Err(error) = results.record(report.clone()).await {
                warn(&mut report, &journal, error.to_string());
            }
        }
        if !kept {
            report.archive = None;
            results.discard_archive();
        }
        if cancel.is_cancelled() {
            report.signal = self.run.interrupt.signal();
            let reason = describe_signal(self.run.interrupt);
            report.fail(Outcome::Interrupted, reason, None);
            // The results are complete; only their report would not tell of the signal.
            let _ = results.record(report.clone()).await;
        }
        if indexed.is_ok()
            && let Err(error) = results.index().await
        {
            warn(&mut report, &journal, error.to_string());
        }
        (report, measured)
    }

    /// Enters that the end of the instance is not confirmed.
    fn note_unconfirmed(&mut self) {
        if let Release::Unconfirmed { reason, .. } = &self.release {
            let hint = format!(
                "`collect reap --run {} --region {}` tries again; the instance ends itself at {}",
                self.run.plan.run,
                self.run.provider.region(),
                utc_to_the_second(self.expires_at)
            );
            self.journal.fail(
                Outcome::Leaked,
                format!("termination is not confirmed: {reason}"),
                Some(&hint),
            );
        }
    }

    /// Whether there is nothing to keep: no instance was launched, and no script ran that has a log.
    fn did_nothing(&self) -> bool {
        self.release == Release::NothingLaunched && self.journal.steps == 0
    }

    pub(super) fn report(&self, started: Timestamp) -> SampleReport {
        let plan = self.run.plan;
        let Journal {
            outcome,
            errors,
            warnings,
            stages,
            instance,
            collected,
            ..
        } = &self.journal;
        let launched = stages.iter().find(|stage| stage.stage == Stage::Launch);
        let ended = stages.iter().filter_map(StageReport::end).max();
        SampleReport {
            format: SampleReport::FORMAT,
            collector: env!("CARGO_PKG_VERSION").to_owned(),
            run: plan.run.clone(),
            sample: self.index,
            lease: self.lease.clone(),
            provider: self.run.provider.name().to_owned(),
            region: self.run.provider.region().to_owned(),
            revision: plan.revision.clone(),
            commit: plan.found.commit.clone(),
            description: plan.description.clone(),
            started: launched.map_or(started, |stage| stage.started),
            finished: ended.unwrap_or_else(Timestamp::now),
            config: Some(plan.config_name.clone()),
            outcome: *outcome,
            signal: self.run.interrupt.signal(),
            errors: errors.clone(),
            warnings: warnings.clone(),
            instance: instance.clone(),
            expires_at: self.expires_at,
            released: self.release.clone(),
            stages: stages.clone(),
            turns: self.turns.clone(),
            profiles: self.profiles.clone(),
            collected: collected.clone().unwrap_or_default(),
            directory: None,
            archive: None,
            stored: self.stored.address.clone(),
        }
    }
}

/// Writes the figures, and what they are exported to.
async fn write_figures<R: Reporter>(
    config: &Config,
    figures: Figures,
    results: &Results,
    report: &mut SampleReport,
    journal: &Journal<'_, R>,
) {
    match files(&config.exports, &figures) {
        Ok(files) => {
            for (name, text) in files {
                let name = format!("{RECORDS}/{name}");
                if let Err(error) = results.write(&name, text.into()).await {
                    warn(report, journal, error.to_string());
                }
            }
        }
        Err(error) => warn(report, journal, format!("exporting figures: {error}")),
    }
    if let Err(error) = results.record(figures).await {
        report.fail(Outcome::Unavailable, error.to_string(), error.hint());
    }
}

/// The reason for which a run ended early.
pub(super) fn describe_signal(interrupt: &Interrupt) -> String {
    match interrupt.signal() {
        Some(signal) => format!("the run was ended by a signal ({signal})"),
        None => "the run was cancelled".into(),
    }
}

/// Makes the page of the results; that this fails is a warning, for it shows only what is there.
async fn draw<R: Reporter>(
    results: &Results,
    report: &mut SampleReport,
    journal: &Journal<'_, R>,
    cancel: &CancellationToken,
) {
    let records = results.path().join(RECORDS);
    let making = write_report(results.path(), &records);
    match until_cancelled(cancel, making).await {
        Completion::Returned(Err(error)) => warn(report, journal, error.to_string()),
        Completion::Panicked(message) => warn(report, journal, message),
        Completion::Returned(Ok(())) | Completion::Cancelled => {}
    }
}

/// Packs the results, to keep the archive or for a while; that this fails is a warning, for nothing else is lost.
async fn archive<R: Reporter>(
    results: &Results,
    kept: bool,
    report: &mut SampleReport,
    journal: &Journal<'_, R>,
    cancel: &CancellationToken,
) {
    let since = Instant::now();
    journal.report(Event::StageStarted(Stage::Archive));
    let packing = async {
        if kept {
            results.archive().await
        } else {
            results.pack().await
        }
    };
    let mut warnings = Vec::new();
    match until_cancelled(cancel, packing).await {
        Completion::Returned(Ok(archive)) => report.archive = Some(archive),
        Completion::Returned(Err(error)) => warnings.push(error.to_string()),
        Completion::Panicked(message) => warnings.push(message),
        Completion::Cancelled => {
            results.discard_archive();
            warnings.push("no archive was written".into());
        }
    }
    for warning in warnings {
        warn(report, journal, warning);
    }
    journal.report(Event::StageFinished {
        stage: Stage::Archive,
        ok: report.archive.is_some(),
        took: since.elapsed(),
    });
}

/// Enters a warning that came after the sample was reported on.
fn warn<R: Reporter>(report: &mut SampleReport, journal: &Journal<'_, R>, warning: String) {
    journal.report(Event::Warning(warning.clone()));
    report.warnings.push(warning);
}
