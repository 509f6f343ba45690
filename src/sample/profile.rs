//! The profiles of a comparison whose candidate is slower: `on_regression` once for each revision, on one instance.

use super::tally::Measuring;
use super::turns::Scope;
use super::{Host, Sample, Shared};
use crate::arm::Arm;
use crate::config::plural;
use crate::phase::{Phase, Stage};
use crate::provider::Provider;
use crate::records::{FileState, Manifest};
use crate::reporter::{Event, Reporter};
use crate::shell::Shell;

/// The directory below the results with what the phase left for a revision.
fn directory_of(arm: Arm) -> String {
    format!("{arm}/{}", Phase::OnRegression)
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Enters that the sample is at it, until what is returned is dropped.
    pub(crate) fn enter<'s>(&self, shared: &Shared<'s, P>) -> Measuring<'s> {
        shared.tally.enter(self.index)
    }

    /// Tells the other samples what this one measured. Where it is the last to do so and a figure is slower, runs
    /// `on_regression` for each revision.
    ///
    /// The last sample judges, so that no instance waits for another. Nothing of the phase fails the run or changes a figure.
    pub(super) async fn profile(&mut self, host: &Host<'a, P, R>, shared: &Shared<'_, P>) {
        let over = self.is_over();
        let mut seen = Vec::new();
        let measured = if self.turns.is_empty() || self.journal.unreachable {
            None
        } else if let Err(reason) = self.look(host, &mut seen).await {
            self.journal.warn(format!(
                "{}: the figures could not be read: {reason}",
                Phase::OnRegression
            ));
            None
        } else {
            self.measured_so_far(&seen)
        };
        let last = shared.tally.add(self.index, measured);
        if over || !last {
            return;
        }
        let Some(slower) = shared.tally.slower(self.run.plan, shared.launches) else {
            return;
        };
        let slower = match slower {
            0 => return,
            1 => "a figure is slower".to_owned(),
            count => format!("{} are slower", plural(count, "figure")),
        };
        let note = format!("{slower}: {} of both revisions", Phase::OnRegression);
        self.journal.report(Event::Note(note));
        for arm in Arm::BOTH {
            self.profile_one(arm, host).await;
        }
    }

    /// Runs the phase for a revision, and moves aside what it wrote.
    async fn profile_one(&mut self, arm: Arm, host: &Host<'a, P, R>) {
        if self.is_over() {
            return;
        }
        let what = format!("{} of the {arm}", Phase::OnRegression);
        let below = directory_of(arm);
        if let Err(error) = host.begin(&below).await {
            self.journal.warn(format!("{what}: {error}"));
            return;
        }
        self.scope = Scope {
            arm: Some(arm),
            ..Scope::default()
        };
        self.phase(Phase::OnRegression, Some(host)).await;
        let harvested = self.harvest(&what, arm, &below, host).await;
        self.scope = Scope::default();
        if let Err(error) = harvested {
            self.journal.warn(format!("{what}: {error}"));
        }
    }

    /// Enters where the files of the phase lie that came home.
    pub(super) fn note_profiles(&mut self, manifest: &Manifest) {
        let phase = Stage::Scripts(Phase::OnRegression);
        let ran = |stage: Stage| stage == phase;
        let stages = self.journal.stages.iter();
        let arms: Vec<Arm> = stages
            .filter(|stage| ran(stage.stage))
            .filter_map(|stage| stage.arm)
            .collect();
        for arm in arms {
            let directory = directory_of(arm);
            let came = manifest.files.iter().any(|file| {
                file.state == FileState::Verified && file.path.as_path().starts_with(&directory)
            });
            if came {
                self.profiles.push(directory);
            } else {
                self.journal.warn(format!(
                    "{} of the {arm} left no file that matches `performance_results`",
                    Phase::OnRegression
                ));
            }
        }
    }
}
