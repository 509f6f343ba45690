//! The turns of a sample: each revision set up in a home of its own, then measured in turn with the other.

use std::fmt;

use tokio::time::Instant;

use super::{Host, Sample};
use crate::arm::Arm;
use crate::config::Pattern;
use crate::phase::Phase;
use crate::provider::Provider;
use crate::remote_host::turns::{HOMES, NotHarvested, harvested};
use crate::report::{Outcome, TurnReport};
use crate::reporter::{Event, Reporter};
use crate::schedule::{Draw, Turn, has_turns};
use crate::shell::{Shell, ShellError};
use crate::step::StepOutcome;

/// Rounds that fail one after the other before no further one is begun: the next would only cost money.
const MAX_FAILED_ROUNDS: usize = 2;

/// What steps run for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    /// The revision; outside of its own steps the one that is measured.
    pub(super) arm: Option<Arm>,
    /// The turn, while one lasts.
    pub(super) turn: Option<Turn>,
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Sets one of two revisions up in its home.
    pub(super) async fn set_up(&mut self, arm: Arm, host: Option<&Host<'a, P, R>>) {
        self.scope = Scope {
            arm: Some(arm),
            turn: None,
        };
        let revision = self.run.plan.revision_of(arm);
        let note = format!("setup of the {arm}, {revision}");
        self.journal.report(Event::Note(note));
        self.phase(Phase::Setup, host).await;
        self.scope = Scope::default();
    }

    /// Measures one revision once and moves what it measured aside.
    ///
    /// A turn that fails is entered, and ends its round: the pair is lost already. The next round goes on.
    pub(super) async fn turn(&mut self, turn: Turn, host: &Host<'a, P, R>) {
        if !self.goes_on(&turn) {
            self.skipped_turns += 1;
            return;
        }
        let plan = self.run.plan;
        self.scope = Scope {
            arm: Some(turn.arm),
            turn: Some(turn),
        };
        let revision = plan.revision_of(turn.arm);
        self.journal
            .report(Event::Note(format!("{turn} ({revision})")));
        let before = self.journal.stages.len();
        let since = Instant::now();
        let below = self.directory_of(&turn);
        let begun = host.begin(&below).await;
        if let Err(error) = &begun {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        } else {
            self.phase(Phase::Run, Some(host)).await;
            self.phase(Phase::BeforeCollect, Some(host)).await;
        }
        let stages = self.journal.stages.iter().skip(before);
        let mut steps = stages.flat_map(|stage| &stage.steps);
        let complete =
            steps.all(|step| matches!(step.outcome, StepOutcome::Passed | StepOutcome::Warned));
        let harvested = begun.is_ok() && {
            let harvested = self.harvest(&turn, turn.arm, &below, host).await;
            if let Err(error) = &harvested {
                self.journal
                    .fail(Outcome::Unavailable, error.to_string(), error.hint());
            }
            harvested.is_ok()
        };
        self.scope = Scope::default();
        self.longest_turn = self.longest_turn.max(since.elapsed());
        self.turns.push(TurnReport {
            turn,
            ok: complete && harvested,
        });
        // A failure in a turn says nothing of the others.
        self.journal.failed = false;
    }

    /// Whether another turn makes sense.
    pub(super) fn goes_on(&self, turn: &Turn) -> bool {
        let failed = |round: u32| {
            let mut turns = self.turns.iter().filter(|done| done.turn.round == round);
            turns.any(|done| !done.ok)
        };
        let mut begun: Vec<u32> = self.turns.iter().map(|done| done.turn.round).collect();
        begun.dedup();
        begun.retain(|round| *round != turn.round);
        let last = begun.iter().rev().take(MAX_FAILED_ROUNDS);
        let hopeless = last.filter(|round| failed(**round)).count() == MAX_FAILED_ROUNDS;
        !self.is_over() && !failed(turn.round) && !hopeless
    }

    /// Whether there is nothing more to measure, whatever is left of the plan.
    pub(super) fn is_over(&self) -> bool {
        self.journal.failed
            || self.journal.unreachable
            || self.journal.outcome >= Outcome::Interrupted
            || self.last_call.is_some_and(|end| end <= Instant::now())
    }

    /// Moves aside what one revision wrote in its home since the beginning of what has the directory `below`.
    pub(super) async fn harvest(
        &mut self,
        of: &impl fmt::Display,
        arm: Arm,
        below: &str,
        host: &Host<'a, P, R>,
    ) -> Result<(), ShellError> {
        let home = self.home(Some(arm));
        let patterns = &self.run.plan.config.performance_results;
        let stayed = host.harvest(below, home, patterns).await?;
        self.warn_of(of, &stayed);
        Ok(())
    }

    /// Warns of files that stayed, each once for a run.
    fn warn_of(&mut self, of: &impl fmt::Display, stayed: &[NotHarvested]) {
        let old = stayed.iter().filter_map(|file| match file {
            NotHarvested::Old(path) => Some(path),
            NotHarvested::Special(_) => None,
        });
        let old: Vec<&String> = old.collect();
        if let Some(first) = old.first() {
            let others = match old.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.warn_once(format!(
                "{first}{others} was there before {of}, and is not of it: another turn may have left it behind"
            ));
        }
        for file in stayed {
            if let NotHarvested::Special(path) = file {
                self.warn_once(format!(
                    "{path} is not a regular file and stays on the instance"
                ));
            }
        }
    }

    pub(super) fn warn_once(&mut self, warning: String) {
        if !self.journal.warnings.contains(&warning) {
            self.journal.warn(warning);
        }
    }

    /// What is collected from the instance, whose jobs lie in this directory.
    pub(super) fn patterns(&self, jobs_dir: &str) -> Vec<Pattern> {
        let config = &self.run.plan.config;
        if has_turns(config) {
            vec![harvested(jobs_dir)]
        } else {
            config.performance_results.clone()
        }
    }

    /// Where the files of a turn lie below the results.
    pub(super) fn directory_of(&self, turn: &Turn) -> String {
        let number = turn.of_arm;
        match self.run.plan.baseline {
            Some(_) => format!("{}/turn-{number:02}", turn.arm),
            None => format!("turn-{number:02}"),
        }
    }

    /// Warns of turns that were not begun.
    pub(super) fn note_skipped_turns(&mut self) {
        if self.skipped_turns > 0 {
            let count = self.skipped_turns;
            self.skipped_turns = 0;
            self.journal.warn(format!(
                "{count} turns were not begun: an earlier one failed, or the time was over"
            ));
        }
    }

    /// The directory that steps run in, relative to the login user's home.
    pub(super) fn home(&self, arm: Option<Arm>) -> &'static str {
        let [first, second] = HOMES;
        match arm {
            Some(arm) if self.run.plan.baseline.is_some() => {
                if arm == self.draw().first_home() {
                    first
                } else {
                    second
                }
            }
            _ => ".",
        }
    }

    /// What the order of this sample is drawn from.
    pub(crate) fn draw(&self) -> Draw {
        Draw {
            seed: self.run.plan.seed,
            sample: self.index,
        }
    }
}
