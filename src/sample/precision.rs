//! Further rounds on an instance, until the intervals of its own pairs are as narrow as is asked for.

use std::io;
use std::path::PathBuf;

use tokio::time::Instant;

use super::fetch::Silence;
use super::{Host, MeasuredSample, MeasuredTurn, Sample, gather};
use crate::collect::{Arrivals, collect};
use crate::comparison::{Comparison, around};
use crate::config::FigureFiles;
use crate::provider::Provider;
use crate::remote_host::turns::harvested_of;
use crate::reporter::{Event, Reporter};
use crate::results::measured;
use crate::schedule::{Action, Turn, further_round};
use crate::shell::Shell;
use crate::statistics::half_width;

/// Why no further round is begun.
const NO_TIME: &str = "there is no time for another round: `max_lifetime` is nearly over";

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Measures on, a round at a time, until the interval of every figure on this instance is as narrow as is asked for, or
    /// there is no time for another round.
    ///
    /// The figures of each turn are read on the way. What the results hold is what the collection brings home later.
    pub(super) async fn further_rounds(&mut self, host: &Host<'a, P, R>) {
        let config = &self.run.plan.config;
        let Some(asked) = config.asked_precision() else {
            return;
        };
        let mut seen: Vec<MeasuredTurn> = Vec::new();
        for further in 1..=config.most_further_rounds() {
            let round = further_round(config, self.draw(), further);
            if !round
                .first()
                .is_some_and(|first| self.goes_on(first.turns()))
            {
                // The round before may have taken longer than those before it.
                if self.passed() && self.is_past_last_call() {
                    self.journal.report(Event::Note(NO_TIME.into()));
                }
                return;
            }
            if let Err(reason) = self.look(host, &mut seen).await {
                self.journal.warn(format!(
                    "no further rounds: the figures so far could not be read: {reason}"
                ));
                return;
            }
            let Some(width) = self.half_width(&seen) else {
                let why = "no further rounds: no figure has a complete round";
                self.journal.report(Event::Note(why.into()));
                return;
            };
            if width <= asked.fraction() {
                return;
            }
            let so_far = if width.is_finite() {
                format!("an interval is {}", around(width))
            } else {
                "there are too few rounds for an interval".into()
            };
            if !self.has_time_for(&round) {
                let why = format!("{so_far}, but {NO_TIME}");
                self.journal.report(Event::Note(why));
                return;
            }
            self.journal.report(Event::Note(format!(
                "{so_far}, ±{asked} is asked for: further round {further}"
            )));
            for action in &round {
                self.measure(action.turns(), host).await;
            }
        }
    }

    /// Whether a round is over before the time of steps is, if its turns take as long as the longest so far.
    fn has_time_for(&self, round: &[Action]) -> bool {
        let actions = u32::try_from(round.len()).unwrap_or(u32::MAX);
        let end = Instant::now().checked_add(self.longest_turn.saturating_mul(actions));
        self.last_call
            .is_none_or(|last_call| end.is_some_and(|end| end <= last_call))
    }

    /// Half of the widest interval of what this instance measured so far.
    fn half_width(&self, seen: &[MeasuredTurn]) -> Option<f64> {
        let (figures, _) = gather(self.run.plan, &[&self.measured_so_far(seen)?])?;
        half_width(&Comparison::series(&figures))
    }

    /// The figures of this instance so far, of the turns that were looked at.
    pub(super) fn measured_so_far(&self, seen: &[MeasuredTurn]) -> Option<MeasuredSample> {
        let whole = |turn: &Turn| {
            let mut turns = self.turns.iter();
            turns.any(|done| done.turn == *turn && self.counts(done))
        };
        let turns = seen.iter().filter(|seen| whole(&seen.turn));
        let instance = self.journal.instance.as_ref()?.id.clone();
        Some(MeasuredSample {
            host: self.as_host(instance.clone()),
            sample: self.as_measured_on(instance),
            turns: turns.cloned().collect(),
        })
    }

    /// Reads the figures of the turns that were not looked at yet: their files are brought to a directory of their own, which
    /// is removed afterwards.
    pub(super) async fn look(
        &self,
        host: &Host<'a, P, R>,
        seen: &mut Vec<MeasuredTurn>,
    ) -> Result<(), String> {
        let entries = &self.run.plan.config.figures;
        let is_new = |turn: &Turn| seen.iter().all(|seen| seen.turn != *turn);
        let whole = self.turns.iter().filter(|done| self.counts(done));
        let new: Vec<(Turn, String)> = whole
            .filter(|done| is_new(&done.turn))
            .map(|done| (done.turn, self.directory_of(&done.turn)))
            .collect();
        let patterns: Vec<_> = new
            .iter()
            .flat_map(|(_, turn)| {
                let globs = entries.iter().flat_map(FigureFiles::globs);
                globs.map(|glob| harvested_of(&host.jobs_dir, turn, glob))
            })
            .collect();
        // Removed with the jobs at the end of the run, should this be dropped.
        let scratch = PathBuf::from(self.local_jobs()).join("figures");
        tokio::fs::create_dir_all(&scratch)
            .await
            .map_err(|error| error.to_string())?;
        let arrivals = Arrivals::default();
        let collection = collect(&host.shell, &patterns, &scratch, &arrivals, &Silence).await;
        let entries = entries.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let turns: Vec<MeasuredTurn> = new
                .into_iter()
                .map(|(turn, directory)| MeasuredTurn {
                    turn,
                    measured: measured(&scratch.join(directory), &entries),
                })
                .collect();
            std::fs::remove_dir_all(&scratch)?;
            Ok::<_, io::Error>(turns)
        });
        let turns = reading.await.map_err(|panic| panic.to_string())?;
        if let Some(error) = collection.error {
            return Err(error.to_string());
        }
        seen.extend(turns.map_err(|error| error.to_string())?);
        Ok(())
    }
}
