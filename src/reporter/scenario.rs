//! Runs as lists of events with fixed times, for snapshots of what a person sees of them.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::{cell::RefCell, time::Duration};

use jiff::Timestamp;

use super::{Event, Reporter, TimedEvent};
use crate::instance::{Dollars, Instance, InstanceId, Resource, RunId};
use crate::phase::{Phase, Stage};
use crate::report::{
    Archive, Collected, Diagnostic, Outcome, Release, RunReport, SampleReport, StageReport,
    StepReport,
};
use crate::step::{Location, ScriptPath, StepOutcome};

/// Both streams of a terminal, or of a log.
#[derive(Debug, Clone, Default)]
pub(super) struct Screen(Rc<RefCell<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    /// The text on it, with escape characters that can be read.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).replace('\x1b', "␛")
    }
}

/// A run that is being written down.
#[derive(Debug, Default)]
pub(super) struct Scenario {
    now: i64,
    events: Vec<TimedEvent>,
    stages: [Vec<StageReport>; 3],
    errors: Vec<Diagnostic>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn run_id() -> RunId {
    RunId::new("20270115-0800-abcdef")
}

impl Scenario {
    fn started(samples: u32) -> Self {
        let mut scenario = Self::default();
        let run = run_id();
        scenario.push(None, Event::RunStarted { run, samples });
        scenario
    }

    fn push(&mut self, sample: Option<u32>, event: Event) {
        self.events.push(TimedEvent {
            at: at(self.now),
            sample,
            event,
        });
    }

    /// Lets some seconds pass.
    fn wait(&mut self, seconds: i64) -> &mut Self {
        self.now += seconds;
        self
    }

    fn say(&mut self, sample: u32, event: Event) -> &mut Self {
        self.push(Some(sample), event);
        self
    }

    fn output(&mut self, sample: u32, text: &str) -> &mut Self {
        self.say(sample, Event::Output(text.as_bytes().to_vec()))
    }

    fn stages(&mut self, sample: u32) -> &mut Vec<StageReport> {
        &mut self.stages[sample as usize - 1]
    }

    fn begin(&mut self, sample: u32, stage: Stage) -> &mut Self {
        let started = at(self.now);
        self.stages(sample).push(StageReport {
            arm: None,
            turn: None,
            stage,
            ok: true,
            started,
            took: Duration::ZERO,
            steps: Vec::new(),
        });
        self.say(sample, Event::StageStarted(stage))
    }

    fn end(&mut self, sample: u32, ok: bool, millis: u64) -> &mut Self {
        let took = Duration::from_millis(millis);
        let report = self.stages(sample).last_mut().unwrap();
        (report.ok, report.took) = (ok, took);
        let stage = report.stage;
        self.say(sample, Event::StageFinished { stage, ok, took })
    }

    fn stage(&mut self, sample: u32, stage: Stage, seconds: u32) -> &mut Self {
        self.begin(sample, stage).wait(seconds.into());
        self.end(sample, true, u64::from(seconds) * 1000)
    }

    fn begin_step(&mut self, sample: u32, phase: Phase, script: &str) -> &mut Self {
        let started = at(self.now);
        let stage = self.stages(sample).last_mut().unwrap();
        stage.steps.push(StepReport {
            script: script.into(),
            location: Location::Remote,
            outcome: StepOutcome::Interrupted,
            exit_code: None,
            started,
            took: Duration::ZERO,
            log: String::new(),
        });
        let script = ScriptPath::parse(script).unwrap();
        self.say(
            sample,
            Event::StepStarted {
                phase,
                script,
                arm: None,
                timeout: None,
            },
        )
    }

    fn end_step(&mut self, sample: u32, outcome: StepOutcome, exit_code: Option<i32>) -> &mut Self {
        let now = self.now;
        let stage = self.stages(sample).last_mut().unwrap();
        let step = stage.steps.last_mut().unwrap();
        let took = at(now).duration_since(step.started).unsigned_abs();
        (step.outcome, step.exit_code, step.took) = (outcome, exit_code, took);
        let script = ScriptPath::parse(&step.script).unwrap();
        self.say(
            sample,
            Event::StepFinished {
                script,
                arm: None,
                outcome,
                exit_code,
                took,
            },
        )
    }

    fn instance(sample: u32) -> Instance {
        Instance {
            id: InstanceId::new(format!("i-0123456789abcde0{sample}")),
            address: format!("192.0.2.{sample}"),
            region: "eu-central-1".into(),
            instance_type: None,
            image: None,
            zone: None,
            tenancy: None,
            price_per_hour: Dollars::parse("0.08925"),
        }
    }

    fn report(&mut self, sample: u32, outcome: Outcome, released: Release) -> SampleReport {
        let launched = released != Release::NothingLaunched;
        SampleReport {
            format: SampleReport::FORMAT,
            collector: "0".into(),
            run: run_id(),
            sample,
            lease: run_id().lease(1),
            provider: "ec2".into(),
            region: "eu-central-1".into(),
            revision: "v1.2".parse().unwrap(),
            commit: None,
            config: None,
            description: None,
            started: at(0),
            finished: at(self.now),
            outcome,
            signal: None,
            errors: std::mem::take(&mut self.errors),
            warnings: Vec::new(),
            instance: launched.then(|| Self::instance(sample)),
            expires_at: at(21_600),
            released,
            stages: std::mem::take(self.stages(sample)),
            turns: Vec::new(),
            profiles: Vec::new(),
            collected: Collected {
                files: u64::from(launched),
                bytes: 4711 * u64::from(launched),
                incomplete: 0,
            },
            directory: Some(format!("/results/v1.2/i-0{sample}").into()),
            archive: Some(Archive {
                path: format!("/results/v1.2/i-0{sample}.tar.gz").into(),
                size: 4711,
                crc32: 0,
            }),
            stored: None,
        }
    }

    /// The end of the run, as `app` tells it.
    fn finish(mut self, outcome: Outcome, samples: Vec<SampleReport>) -> Vec<TimedEvent> {
        self.wait(1);
        let report = RunReport {
            figures: None,
            format: RunReport::FORMAT,
            run: run_id(),
            asked: u32::try_from(samples.len()).unwrap(),
            started: at(0),
            finished: at(self.now),
            errors: Vec::new(),
            outcome,
            signal: None,
            remaining: Vec::new(),
            samples,
        };
        self.push(None, Event::Finished(Arc::new(report.clone())));
        for sample in &report.samples {
            for error in &sample.errors {
                self.say(sample.sample, Event::Error(error.clone()));
            }
            if let Release::Unconfirmed { id, .. } = &sample.released {
                self.push(
                    None,
                    Event::Leaked {
                        id: id.clone(),
                        region: sample.region.clone(),
                        lease: sample.lease.clone(),
                        expires_at: sample.expires_at,
                    },
                );
            }
        }
        self.events
    }
}

/// One sample that passes: warnings, a colour that is not reset, a line that does not end.
pub(super) fn one_sample() -> Vec<TimedEvent> {
    let mut run = Scenario::started(1);
    run.begin(1, Stage::Scripts(Phase::BeforeAwsStart))
        .begin_step(1, Phase::BeforeAwsStart, "build.sh")
        .output(1, "built\n")
        .wait(3)
        .end_step(1, StepOutcome::Passed, Some(0))
        .end(1, true, 3000)
        .stage(1, Stage::Launch, 2)
        .begin(1, Stage::Ready)
        .say(1, Event::Note("instance i-01 is up".into()))
        .say(1, Event::Detail("logged in".into()))
        .say(1, Event::Warning("key pair `absent` does not exist".into()))
        .wait(20)
        .end(1, true, 20_250)
        .begin(1, Stage::Scripts(Phase::Run))
        .begin_step(1, Phase::Run, "bench/measure.sh")
        .output(1, "::error::not a command\n\x1b[32mfast")
        .wait(61)
        .end_step(1, StepOutcome::Passed, Some(0))
        .begin_step(1, Phase::Run, "slow.sh")
        .output(1, "a\n")
        .wait(90)
        .end_step(1, StepOutcome::TimedOut, None)
        .begin_step(1, Phase::Run, "optional.sh")
        .end_step(1, StepOutcome::Warned, Some(7));
    let script = ScriptPath::parse("optional.sh").unwrap();
    let text = "run: optional.sh exited with status 7".into();
    run.say(1, Event::ScriptWarning { script, text })
        .end(1, true, 151_000)
        .stage(1, Stage::Collect, 1)
        .begin(1, Stage::Terminate)
        .end(1, true, 0);
    let report = run.report(1, Outcome::Passed, Release::Terminated);
    run.begin(1, Stage::Archive).end(1, true, 40);
    run.push(
        None,
        Event::Remains {
            resource: Resource::SecurityGroup("sg-01".into()),
            region: "eu-central-1".into(),
            run: run_id(),
        },
    );
    run.finish(Outcome::Passed, vec![report])
}

/// One sample whose step fails, and an instance that says hostile things.
pub(super) fn failure() -> Vec<TimedEvent> {
    let mut run = Scenario::started(1);
    run.stage(1, Stage::Launch, 2)
        .begin(1, Stage::Scripts(Phase::Setup))
        .say(
            1,
            Event::Warning(
                "cloud-init: \x1b]0;owned\x07\x1b]52;c;cm0gLXJmIC8=\x07 degraded".into(),
            ),
        )
        .begin_step(1, Phase::Setup, "in\x1b[2Jstall.sh")
        .output(1, "no such package")
        .wait(5)
        .end_step(1, StepOutcome::Failed, Some(3))
        .end(1, false, 5000);
    let failure = Diagnostic {
        message: "setup: in\x1b[2Jstall.sh exited with status 3".into(),
        hint: Some("its log is in `collector/logs` of the results".into()),
        script: Some("in\x1b[2Jstall.sh".into()),
        last_lines: vec!["::error::##[error]\x1b[2J".into(), "no such package".into()],
    };
    let log = "/results/v1.2/i-01/collector/logs/01-setup-install.sh.log".into();
    run.errors.push(failure.clone());
    run.say(1, Event::StepFailed { failure, log })
        .stage(1, Stage::Terminate, 1);
    let report = run.report(1, Outcome::StepFailed, Release::Terminated);
    run.finish(Outcome::StepFailed, vec![report])
}

/// An instance that may be left behind.
pub(super) fn leaked() -> Vec<TimedEvent> {
    let mut run = Scenario::started(1);
    run.stage(1, Stage::Launch, 2)
        .begin(1, Stage::Terminate)
        .wait(120)
        .end(1, false, 120_000);
    let reason = "503 Service Unavailable".to_owned();
    run.errors.push(Diagnostic::new(
        format!("termination is not confirmed: {reason}"),
        Some("`collect reap` tries again"),
    ));
    let id = Some(InstanceId::new("i-0123456789abcde01"));
    let report = run.report(1, Outcome::Leaked, Release::Unconfirmed { id, reason });
    run.finish(Outcome::Leaked, vec![report])
}

/// Three samples side by side: one passes, one fails, one was never launched. Their output interleaves.
pub(super) fn three_samples() -> Vec<TimedEvent> {
    let mut run = Scenario::started(3);
    for sample in 1..=3 {
        run.begin(sample, Stage::Launch);
    }
    run.wait(2);
    for sample in 1..=2 {
        run.end(sample, true, 2000)
            .begin(sample, Stage::Scripts(Phase::Run))
            .begin_step(sample, Phase::Run, "measure.sh");
    }
    run.end(3, false, 2000)
        .output(1, "one ")
        .output(2, "\x1b[31mtwo\n")
        .wait(1)
        .output(1, "and two\nthree")
        .output(2, "and a half")
        .wait(30)
        .end_step(2, StepOutcome::Failed, Some(1))
        .end(2, false, 31_000)
        .wait(30)
        .end_step(1, StepOutcome::Passed, Some(0))
        .end(1, true, 61_000);
    for sample in 1..=2 {
        run.stage(sample, Stage::Terminate, 1);
    }
    let first = run.report(1, Outcome::Passed, Release::Terminated);
    run.errors.push(Diagnostic {
        message: "run: measure.sh exited with status 1".into(),
        hint: None,
        script: Some("measure.sh".into()),
        last_lines: Vec::new(),
    });
    let second = run.report(2, Outcome::StepFailed, Release::Terminated);
    run.errors.push(Diagnostic::new("no capacity", None));
    let third = run.report(3, Outcome::Unavailable, Release::NothingLaunched);
    run.finish(Outcome::Unavailable, vec![first, second, third])
}

/// Shows the events to a reporter, and the time as it passes between them.
pub(super) fn play(events: Vec<TimedEvent>, reporter: &impl Reporter) {
    let mut now = at(0);
    for event in events {
        while now < event.at {
            now += Duration::from_secs(1);
            reporter.tick(now);
        }
        reporter.take(event);
    }
}
