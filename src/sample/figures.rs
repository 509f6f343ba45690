//! The figures of the turns of a sample, as their files have them.

use super::{MeasuredSample, Sample};
use crate::arm::Arm;
use crate::instance::InstanceId;
use crate::provider::Provider;
use crate::records::SampleOf;
use crate::report::TurnReport;
use crate::reporter::Reporter;
use crate::results::{Measured, measured};
use crate::schedule::{Turn, has_turns};
use crate::shell::Shell;

/// The figures of a turn.
#[derive(Debug, Clone)]
pub(crate) struct MeasuredTurn {
    pub(crate) turn: Turn,
    pub(crate) measured: Measured,
}

impl<P: Provider, H: Shell, R: Reporter> Sample<'_, P, H, R> {
    /// The figures of the sample, where it measured any; its files are read once, after it has collected.
    pub(crate) async fn measured(&mut self) -> Option<&MeasuredSample> {
        if self.measured.is_none() {
            let instance = self.journal.instance.as_ref()?.id.clone();
            let turns = self.read_figures().await;
            let mut reservations = self.disturbances().await;
            let facts = self.facts.iter();
            reservations.extend(facts.flat_map(|facts| facts.calibration.reservations(self.index)));
            for reservation in &reservations {
                self.warn_once(reservation.reason.clone());
            }
            let host = self.as_host(instance.clone());
            let sample = SampleOf {
                reservations,
                ..self.as_measured_on(instance)
            };
            self.measured = (!turns.is_empty()).then_some(MeasuredSample {
                sample,
                turns,
                host,
            });
        }
        self.measured.as_ref()
    }

    pub(super) fn as_measured_on(&self, instance: InstanceId) -> SampleOf {
        SampleOf {
            run: self.run.plan.run.clone(),
            sample: self.index,
            instance,
            reservations: Vec::new(),
        }
    }

    /// Reads the figures of every turn that is whole, with its round.
    async fn read_figures(&mut self) -> Vec<MeasuredTurn> {
        let config = &self.run.plan.config;
        if config.figures.is_empty() || self.journal.collected.is_none() {
            return Vec::new();
        }
        let results = self.results.path().to_owned();
        let directories: Vec<_> = if has_turns(config) {
            let whole = self.turns.iter().filter(|done| self.counts(done));
            whole
                .map(|done| (done.turn, results.join(self.directory_of(&done.turn))))
                .collect()
        } else {
            let only = Turn {
                turn: 1,
                round: 1,
                arm: Arm::Candidate,
                of_arm: 1,
            };
            vec![(only, results)]
        };
        let entries = config.figures.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let directories = directories.into_iter();
            directories
                .map(|(turn, directory)| MeasuredTurn {
                    turn,
                    measured: measured(&directory, &entries),
                })
                .collect::<Vec<_>>()
        });
        let turns = match reading.await {
            Ok(turns) => turns,
            Err(panic) => {
                self.journal.warn(format!("reading figures: {panic}"));
                return Vec::new();
            }
        };
        for turn in &turns {
            for warning in &turn.measured.warnings {
                self.warn_once(warning.clone());
            }
        }
        turns
    }

    /// Whether the turn is measured whole. With a baseline, a turn that failed takes its round with it.
    pub(super) fn counts(&self, done: &TurnReport) -> bool {
        let mut round = self.turns.iter().filter(|other| {
            self.run.plan.baseline.is_some() && other.turn.round == done.turn.round
        });
        done.ok && round.all(|other| other.ok)
    }
}
