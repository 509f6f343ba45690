//! What runs at the moment, for how long, and since when it is silent.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::text::elapsed;
use super::{Event, TimedEvent};

/// The time between two lines about a step that runs, where no terminal shows it all the time.
const REMINDER_INTERVAL: Duration = Duration::from_mins(1);

/// A shorter silence is not worth a word.
const SILENCE: Duration = Duration::from_secs(2);

/// What each sample does.
#[derive(Debug, Default)]
pub(super) struct Progress {
    running: BTreeMap<Option<u32>, Running>,
}

/// A stage or a step that runs.
#[derive(Debug)]
struct Running {
    name: String,
    is_step: bool,
    started: Timestamp,
    last_output: Timestamp,
    last_reminder: Timestamp,
}

impl Progress {
    /// Follows an event.
    pub(super) fn follow(&mut self, TimedEvent { at, sample, event }: &TimedEvent) {
        match event {
            Event::StageStarted(stage) => self.start(*sample, stage.to_string(), false, *at),
            Event::StepStarted { phase, script, .. } => {
                self.start(*sample, format!("{phase}: {script}"), true, *at);
            }
            Event::Output(_) => {
                if let Some(running) = self.running.get_mut(sample) {
                    running.last_output = *at;
                }
            }
            Event::StepFinished { .. } | Event::StageFinished { .. } => {
                self.running.remove(sample);
            }
            Event::Finished(_) => self.running.clear(),
            _ => {}
        }
    }

    fn start(&mut self, sample: Option<u32>, name: String, is_step: bool, at: Timestamp) {
        let running = Running {
            name,
            is_step,
            started: at,
            last_output: at,
            last_reminder: at,
        };
        self.running.insert(sample, running);
    }

    /// Everything that runs, a line a sample.
    pub(super) fn lines(&self, now: Timestamp) -> Vec<(Option<u32>, String)> {
        let running = self.running.iter();
        running
            .map(|(sample, running)| (*sample, running.line(now)))
            .collect()
    }

    /// The steps that have run for another minute, a line each.
    pub(super) fn reminders(&mut self, now: Timestamp) -> Vec<(Option<u32>, String)> {
        let running = self.running.iter_mut();
        running
            .filter(|(_, running)| {
                running.is_step && since(running.last_reminder, now) >= REMINDER_INTERVAL
            })
            .map(|(sample, running)| {
                running.last_reminder = now;
                (*sample, running.line(now))
            })
            .collect()
    }
}

impl Running {
    fn line(&self, now: Timestamp) -> String {
        let Self {
            name,
            started,
            last_output,
            ..
        } = self;
        let took = elapsed(since(*started, now));
        let silence = since(*last_output, now);
        if self.is_step && silence >= SILENCE {
            format!("{name} {took}, silent for {}", elapsed(silence))
        } else {
            format!("{name} {took}")
        }
    }
}

/// The time from one moment to another; none where the clock was put back.
pub(super) fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::{Phase, Stage};
    use crate::step::ScriptPath;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn follow(progress: &mut Progress, seconds: i64, event: Event) {
        progress.follow(&TimedEvent {
            at: at(seconds),
            sample: Some(2),
            event,
        });
    }

    fn step_started() -> Event {
        Event::StepStarted {
            phase: Phase::Run,
            script: ScriptPath::parse("measure.sh").unwrap(),
            timeout: None,
        }
    }

    #[test]
    fn a_step_says_how_long_it_runs_and_is_silent() {
        let mut progress = Progress::default();
        follow(&mut progress, 0, Event::StageStarted(Stage::Launch));
        assert_eq!(progress.lines(at(7)), [(Some(2), "launch 7s".into())]);
        follow(&mut progress, 10, step_started());
        follow(&mut progress, 32, Event::Output(b".".to_vec()));
        let line = |now| progress.lines(at(now)).remove(0).1;
        assert_eq!(line(33), "run: measure.sh 23s");
        assert_eq!(line(262), "run: measure.sh 4m12s, silent for 3m50s");
        assert_eq!(line(0), "run: measure.sh 0s", "the clock was put back");
    }

    #[test]
    fn a_reminder_comes_once_a_minute_and_only_of_steps() {
        let mut progress = Progress::default();
        follow(&mut progress, 0, Event::StageStarted(Stage::Ready));
        assert_eq!(progress.reminders(at(600)), []);
        follow(&mut progress, 600, step_started());
        let reminded: Vec<i64> = (600..=900)
            .filter(|now| !progress.reminders(at(*now)).is_empty())
            .collect();
        assert_eq!(reminded, [660, 720, 780, 840, 900]);
    }
}
