//! The turns of a sample: each revision set up in a home of its own, then measured in turn with the other, or beside it.

use std::fmt;
use std::iter;

use tokio::time::Instant;

use super::{Host, Sample};
use crate::arm::Arm;
use crate::config::{Pattern, plural};
use crate::phase::Phase;
use crate::provider::Provider;
use crate::remote_host::cpus::DivisionError;
use crate::remote_host::turns::{HOMES, NotHarvested, harvested};
use crate::report::{Outcome, TurnReport};
use crate::reporter::{Event, Reporter};
use crate::schedule::{Draw, Turn, has_turns};
use crate::shell::{Shell, ShellError};
use crate::step::StepOutcome;

/// Rounds that fail one after the other before no further one is begun: the next would only cost money.
const MAX_FAILED_ROUNDS: usize = 2;

/// The arm, the turn and the CPUs that steps run for.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The revision; outside of its own steps the one that is measured.
    pub(super) arm: Option<Arm>,
    /// The turn, while one lasts.
    pub(super) turn: Option<Turn>,
    /// The CPUs of the instance that they are kept to, in a duet.
    pub(super) cpus: Option<String>,
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Sets one of two revisions up in its home.
    pub(super) async fn set_up(&mut self, arm: Arm, host: Option<&Host<'a, P, R>>) {
        self.scope = Scope {
            arm: Some(arm),
            ..Scope::default()
        };
        let revision = self.run.plan.revision_of(arm);
        let note = format!("setup of the {arm}, {revision}");
        self.journal.report(Event::Note(note));
        self.phase(Phase::Setup, host).await;
        self.scope = Scope::default();
    }

    /// Finds the two halves of the instance's CPUs, and what is left for the sampler.
    pub(super) async fn divide_cpus(&mut self, host: &Host<'a, P, R>) -> Result<(), DivisionError> {
        let division = host.divide_cpus().await?;
        let [first, second] = &division.halves;
        let note = format!("the halves of a duet: CPUs {first}, and CPUs {second}");
        self.journal.report(Event::Note(note));
        self.cpus = Some(division);
        Ok(())
    }

    /// Measures one revision once, or both at the same time, and moves what was measured aside.
    ///
    /// A turn that fails is entered, and ends its round: the pair is lost already. The next round goes on. Turns at the same
    /// time fail together, for what one measured without the other is no pair.
    pub(super) async fn measure(&mut self, turns: &[Turn], host: &Host<'a, P, R>) {
        if !self.goes_on(turns) {
            self.skipped_turns += turns.len();
            self.ran_out_of_time |= self.is_past_last_call();
            return;
        }
        let plan = self.run.plan;
        let halves = self.cpus.iter().flat_map(|cpus| cpus.halves.clone());
        let halves = halves.map(Some);
        let scopes: Vec<Scope> = turns
            .iter()
            .zip(halves.chain(iter::repeat(None)))
            .map(|(turn, cpus)| Scope {
                arm: Some(turn.arm),
                turn: Some(*turn),
                cpus,
            })
            .collect();
        let labels: Vec<String> = turns
            .iter()
            .map(|turn| format!("{turn} ({})", plan.revision_of(turn.arm)))
            .collect();
        let note = labels.join(", and at the same time ");
        self.journal.report(Event::Note(note));
        let before = self.journal.stages.len();
        let since = Instant::now();
        let mut measured = self.begin_turns(turns, host).await;
        if measured.is_ok() {
            self.phase_for(Phase::Run, &scopes, Some(host)).await;
            self.phase_for(Phase::BeforeCollect, &scopes, Some(host))
                .await;
            self.scope = Scope::default();
            measured = self.harvest_turns(turns, host).await;
        }
        if let Err(error) = &measured {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        let stages = self.journal.stages.iter().skip(before);
        let mut steps = stages.flat_map(|stage| &stage.steps);
        let complete =
            steps.all(|step| matches!(step.outcome, StepOutcome::Passed | StepOutcome::Warned));
        self.longest_turn = self.longest_turn.max(since.elapsed());
        let measured_on = turns.iter().zip(scopes);
        self.turns
            .extend(measured_on.map(|(turn, scope)| TurnReport {
                turn: *turn,
                cpus: scope.cpus,
                ok: complete && measured.is_ok(),
            }));
        // A failure in a turn says nothing of the others.
        self.journal.failed = false;
    }

    async fn begin_turns(&self, turns: &[Turn], host: &Host<'a, P, R>) -> Result<(), ShellError> {
        for turn in turns {
            host.begin(&self.directory_of(turn)).await?;
        }
        Ok(())
    }

    /// Moves aside what each of these turns wrote, the others too where one cannot be.
    async fn harvest_turns(
        &mut self,
        turns: &[Turn],
        host: &Host<'a, P, R>,
    ) -> Result<(), ShellError> {
        let mut all = Ok(());
        for turn in turns {
            let below = self.directory_of(turn);
            all = all.and(self.harvest(turn, turn.arm, &below, host).await);
        }
        all
    }

    /// Whether further turns make sense.
    pub(super) fn goes_on(&self, turns: &[Turn]) -> bool {
        let Some(turn) = turns.first() else {
            return false;
        };
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
            || self.is_past_last_call()
    }

    /// Whether steps have no time left.
    pub(super) fn is_past_last_call(&self) -> bool {
        self.last_call.is_some_and(|end| end <= Instant::now())
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

    /// The patterns of the files to collect from the instance, whose jobs lie in this directory.
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
            let why = if self.ran_out_of_time {
                "the instance was about to reach its `max_lifetime`"
            } else {
                "an earlier step failed"
            };
            let turns = plural(count, "turn");
            let verb = if count == 1 { "was" } else { "were" };
            self.journal
                .warn(format!("{turns} {verb} not begun: {why}"));
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

    /// The draw of the order of this sample.
    pub(crate) fn draw(&self) -> Draw {
        Draw {
            seed: self.run.plan.seed,
            sample: self.index,
        }
    }
}
