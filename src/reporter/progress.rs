//! The step that runs at the moment, how long it has run, and since when it is silent.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::text::{elapsed, script_of};
use super::{Event, TimedEvent};
use crate::report::Seconds;

/// The time between two lines about a step that says nothing, where no terminal shows it all the time.
const REMINDER_INTERVAL: Duration = Duration::from_mins(1);

/// A shorter silence is not worth a word.
const MIN_SILENCE: Duration = Duration::from_secs(2);

/// The state of each sample.
#[derive(Debug, Default)]
pub(super) struct Progress {
    running: BTreeMap<Option<u32>, Running>,
}

/// A stage or a step that runs.
#[derive(Debug)]
struct Running {
    name: String,
    is_step: bool,
    /// The time after which it is ended.
    timeout: Option<Duration>,
    started: Timestamp,
    last_output: Timestamp,
    last_reminder: Timestamp,
}

impl Progress {
    /// Follows an event.
    pub(super) fn follow(&mut self, TimedEvent { at, sample, event }: &TimedEvent) {
        match event {
            Event::StageStarted(stage) => {
                self.start(*sample, Running::new(stage.to_string(), *at));
            }
            Event::StepStarted {
                script,
                arm,
                timeout,
                ..
            } => {
                // Two steps at the same time are on one line, which is of both.
                let running = self.running.get(sample).filter(|running| running.is_step);
                let arm = arm.filter(|_| running.is_none());
                let step = Running {
                    is_step: true,
                    timeout: timeout.map(|Seconds(timeout)| timeout),
                    ..Running::new(script_of(script, arm), *at)
                };
                self.start(*sample, step);
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

    fn start(&mut self, sample: Option<u32>, running: Running) {
        self.running.insert(sample, running);
    }

    /// Everything that runs, a line a sample: of what there is to say as much as fits into the columns.
    pub(super) fn lines(&self, now: Timestamp, columns: usize) -> Vec<(Option<u32>, String)> {
        let running = self.running.iter();
        running
            .map(|(sample, running)| (*sample, running.line(now, columns)))
            .collect()
    }

    /// The steps that have said nothing for another minute, a line each.
    pub(super) fn reminders(&mut self, now: Timestamp) -> Vec<(Option<u32>, String)> {
        let running = self.running.iter_mut();
        running
            .filter(|(_, running)| {
                let last = running.last_reminder.max(running.last_output);
                running.is_step && since(last, now) >= REMINDER_INTERVAL
            })
            .map(|(sample, running)| {
                running.last_reminder = now;
                (*sample, running.line(now, usize::MAX))
            })
            .collect()
    }
}

impl Running {
    fn new(name: String, at: Timestamp) -> Self {
        Self {
            name,
            is_step: false,
            timeout: None,
            started: at,
            last_output: at,
            last_reminder: at,
        }
    }

    fn line(&self, now: Timestamp, columns: usize) -> String {
        let took = since(self.started, now);
        let silence = since(self.last_output, now);
        let silent = (self.is_step && silence >= MIN_SILENCE)
            .then(|| format!(", silent for {}", elapsed(silence)));
        let left = self.timeout.and_then(|timeout| timeout.checked_sub(took));
        let end = left.map(|left| format!(", times out in {}", elapsed(left)));
        let mut line = format!("{} {}", self.name, elapsed(took));
        for part in [silent, end].into_iter().flatten() {
            if line.chars().count() + part.chars().count() > columns {
                break;
            }
            line.push_str(&part);
        }
        line
    }
}

/// The time from one moment to another; none where the clock was put back.
pub(super) fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::Arm;
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

    fn step_started(timeout: Option<u64>) -> Event {
        Event::StepStarted {
            phase: Phase::Run,
            script: ScriptPath::parse("measure.sh").unwrap(),
            arm: None,
            timeout: timeout.map(|seconds| Seconds(Duration::from_secs(seconds))),
        }
    }

    fn line(progress: &Progress, now: i64, columns: usize) -> String {
        progress.lines(at(now), columns).remove(0).1
    }

    #[test]
    fn a_step_says_how_long_it_runs_and_is_silent() {
        let mut progress = Progress::default();
        follow(&mut progress, 0, Event::StageStarted(Stage::Launch));
        assert_eq!(line(&progress, 7, 80), "launch 7s");
        follow(&mut progress, 10, step_started(None));
        follow(&mut progress, 32, Event::Output(b".".to_vec()));
        assert_eq!(line(&progress, 33, 80), "measure.sh 23s");
        assert_eq!(
            line(&progress, 262, 80),
            "measure.sh 4m12s, silent for 3m50s"
        );
        let put_back = line(&progress, 0, 80);
        assert_eq!(put_back, "measure.sh 0s", "the clock was put back");
    }

    #[test]
    fn a_step_says_which_revision_it_runs_for_unless_it_is_both() {
        let started = |arm| match step_started(None) {
            Event::StepStarted {
                phase,
                script,
                timeout,
                ..
            } => Event::StepStarted {
                phase,
                script,
                arm: Some(arm),
                timeout,
            },
            other => other,
        };
        let mut progress = Progress::default();
        follow(&mut progress, 0, started(Arm::Baseline));
        assert_eq!(line(&progress, 1, 80), "measure.sh (baseline) 1s");
        follow(&mut progress, 0, started(Arm::Candidate));
        assert_eq!(line(&progress, 1, 80), "measure.sh 1s");
    }

    #[test]
    fn a_step_says_when_it_is_ended_where_there_is_room_for_it() {
        let mut progress = Progress::default();
        follow(&mut progress, 0, step_started(Some(6 * 3600)));
        let whole = "measure.sh 20m00s, silent for 20m00s, times out in 5h40m";
        assert_eq!(line(&progress, 1200, whole.len()), whole);
        assert_eq!(
            line(&progress, 1200, whole.len() - 1),
            "measure.sh 20m00s, silent for 20m00s"
        );
        assert_eq!(line(&progress, 1200, 20), "measure.sh 20m00s");
        // Its time is over, but it is not yet gone.
        let late = line(&progress, 6 * 3600 + 1, 80);
        assert_eq!(late, "measure.sh 6h00m, silent for 6h00m");
    }

    #[test]
    fn a_reminder_comes_once_a_minute_of_silence_and_only_of_steps() {
        let mut progress = Progress::default();
        follow(&mut progress, 0, Event::StageStarted(Stage::Ready));
        assert_eq!(progress.reminders(at(600)), []);
        follow(&mut progress, 600, step_started(None));
        let mut reminded = Vec::new();
        for now in 600..=900 {
            if now == 750 {
                follow(&mut progress, now, Event::Output(b".".to_vec()));
            }
            if !progress.reminders(at(now)).is_empty() {
                reminded.push(now);
            }
        }
        assert_eq!(reminded, [660, 720, 810, 870]);
    }
}
