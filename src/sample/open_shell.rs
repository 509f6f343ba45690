//! A person's look at the instance before it is terminated.

use tokio::time::timeout_at;

use super::{Host, Sample};
use crate::provider::Provider;
use crate::report::Outcome;
use crate::reporter::{Event, Reporter, SampleReporter};
use crate::shell::Shell;

/// When a shell is opened for the person at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellOccasion {
    /// Where the work on the instance failed.
    Failure,
    /// In any case.
    Always,
}

/// The terminal is a shell's. However that ends, the reporter has it back.
struct Lent<'a, R: Reporter>(SampleReporter<'a, R>);

impl<R: Reporter> Drop for Lent<'_, R> {
    fn drop(&mut self) {
        self.0.report(Event::ShellClosed);
    }
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Opens a shell where that was asked for. What there is to collect has come home by now; the instance ends itself as
    /// it would have, and shortly before that the shell is closed.
    pub(super) async fn open_shell(&mut self, host: &Host<'a, P, R>) {
        let failed = matches!(
            self.journal.outcome,
            Outcome::StepFailed | Outcome::Unavailable
        );
        let wanted = match self.run.plan.shell {
            None => false,
            Some(ShellOccasion::Failure) => failed,
            Some(ShellOccasion::Always) => true,
        };
        let Some(instance) = self.journal.instance.clone().filter(|_| wanted) else {
            return;
        };
        let reporter = *self.journal.reporter();
        reporter.report(Event::ShellOpened {
            id: instance.id.clone(),
            until: self.expires_at,
        });
        let lent = Lent(reporter);
        reporter.caught_up().await;
        let shell = host.shell.interactive();
        let ended = match self.last_call {
            Some(last_call) => timeout_at(last_call, shell).await,
            None => Ok(shell.await),
        };
        drop(lent);
        match ended {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => self
                .journal
                .warn(format!("the shell on {}: {error}", instance.id)),
            Err(_) => self.journal.warn(format!(
                "the shell on {} was closed before `max_lifetime` was over",
                instance.id
            )),
        }
    }
}
