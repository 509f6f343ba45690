//! What the doubles of one run share: which incident happens at which trigger.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;

use collector::interrupt::Interrupt;
use collector::phase::{Phase, Stage};
use collector::report::Signal;
use tokio::time::Instant;

/// A point in a run that a test can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A stage begins.
    Stage(Stage),
    /// The first step of a phase begins.
    Step(Phase),
    /// A script has printed this.
    Says(&'static str),
    /// The bucket is asked to take an object.
    Storing,
    /// An image that fits is looked for.
    LookingForImage,
    /// An image is being made, and the answer is not given yet.
    Imaging,
    /// What a launch needs is looked up.
    Resolving,
    /// The instance exists, and the answer to its launch is not given yet.
    Launching,
    /// The instance is being waited for.
    BecomingReady,
    /// An instance is told to end itself later.
    Keeping,
    /// Termination is asked for.
    Terminating,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incident {
    /// A signal ends the run.
    Cancel(Signal),
    /// Somebody presses Ctrl-C.
    CtrlC,
    /// collector has a bug.
    Panic,
    /// The connection to the instance breaks once.
    LoseConnection,
    /// The connection to the instance breaks and never comes back; nobody waits for that in real time.
    CutConnection,
    /// The same for an hour.
    CutConnectionForAnHour,
    /// From now on every command is executed, but the first answer to it is lost.
    LoseAnswers,
    /// The next command cannot be started.
    BreakShell,
    /// From now on deadlines pass at once. No process may be waited for under one.
    FreezeTime,
}

/// What the first samples are at that lose their connections for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// Their files are about to be sent.
    Sending,
    /// Their results are about to be collected.
    Collecting,
}

/// The connection to the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Good,
    Lost,
    Cut,
    Broken,
}

/// The state of one run's doubles.
#[derive(Debug)]
pub(crate) struct Simulation {
    plan: RefCell<Vec<(Trigger, Incident)>>,
    said: RefCell<String>,
    frozen: Cell<bool>,
    held: Cell<u32>,
    stopped: Cell<bool>,
    /// An outage, and how many more samples it is for.
    outage: Cell<Option<(Outage, u32)>>,
    cut: RefCell<HashSet<u32>>,
    pub(crate) interrupt: Interrupt,
    pub(crate) line: Cell<Line>,
    /// When a connection that is cut comes back.
    pub(crate) back_at: Cell<Option<Instant>>,
    /// Commands whose first answer was lost; `None` while answers arrive.
    pub(crate) unanswered: RefCell<Option<HashSet<Vec<String>>>>,
}

impl Simulation {
    /// A simulation whose clock may be stopped from the start.
    pub(crate) fn new(
        plan: Vec<(Trigger, Incident)>,
        outage: Option<(Outage, u32)>,
        paused: bool,
    ) -> Self {
        Self {
            plan: RefCell::new(plan),
            said: RefCell::default(),
            frozen: Cell::new(paused),
            held: Cell::new(0),
            stopped: Cell::new(paused),
            outage: Cell::new(outage),
            cut: RefCell::default(),
            interrupt: Interrupt::default(),
            line: Cell::new(Line::Good),
            back_at: Cell::new(None),
            unanswered: RefCell::new(None),
        }
    }

    /// This trigger has come.
    pub(crate) fn at(&self, trigger: Trigger) {
        self.take(|planned| planned == trigger);
    }

    /// A sample is at this: it loses its connection if it is one of the first.
    pub(crate) fn sample_at(&self, moment: Outage, sample: u32) {
        if let Some((planned, left @ 1..)) = self.outage.get()
            && planned == moment
        {
            self.outage.set(Some((planned, left - 1)));
            self.cut.borrow_mut().insert(sample);
        }
    }

    /// Whether only some samples have a connection.
    pub(crate) fn has_outage(&self) -> bool {
        self.outage.get().is_some()
    }

    pub(crate) fn is_cut(&self, sample: u32) -> bool {
        self.cut.borrow().contains(&sample)
    }

    /// A script has printed this.
    pub(crate) fn says(&self, bytes: &[u8]) {
        self.said
            .borrow_mut()
            .push_str(&String::from_utf8_lossy(bytes));
        let said = self.said.borrow().clone();
        self.take(|planned| matches!(planned, Trigger::Says(word) if said.contains(word)));
    }

    /// Does what is planned, once.
    fn take(&self, is_now: impl Fn(Trigger) -> bool) {
        loop {
            let mut plan = self.plan.borrow_mut();
            let Some(index) = plan.iter().position(|(trigger, _)| is_now(*trigger)) else {
                return;
            };
            let (trigger, incident) = plan.remove(index);
            drop(plan);
            self.perform(trigger, incident);
        }
    }

    fn perform(&self, trigger: Trigger, incident: Incident) {
        match incident {
            Incident::Cancel(signal) => self.interrupt.end_run(signal),
            Incident::CtrlC => self.interrupt.end_measurement_or_run(Signal::Int),
            Incident::Panic => panic!("planned at {trigger:?}"),
            Incident::LoseConnection => self.line.set(Line::Lost),
            Incident::CutConnection => self.line.set(Line::Cut),
            Incident::CutConnectionForAnHour => {
                self.back_at
                    .set(Some(Instant::now() + Duration::from_hours(1)));
                self.line.set(Line::Cut);
            }
            Incident::LoseAnswers => *self.unanswered.borrow_mut() = Some(HashSet::new()),
            Incident::BreakShell => self.line.set(Line::Broken),
            Incident::FreezeTime => self.freeze(),
        }
    }

    /// Whether the connection that was cut is there again.
    pub(crate) fn is_back(&self) -> bool {
        self.back_at.get().is_some_and(|at| at <= Instant::now())
    }

    /// From now on deadlines pass at once.
    pub(crate) fn freeze(&self) {
        self.frozen.set(true);
        self.set_clock();
    }

    pub(crate) fn thaw(&self) {
        self.frozen.set(false);
        self.set_clock();
    }

    /// Waits for something that only the double needs real time for: meanwhile the clock stands still, however busy the
    /// machine is.
    pub(crate) async fn out_of_time<T>(&self, work: impl Future<Output = T>) -> T {
        let _held = Hold::of(self);
        // A frozen clock passes over deadlines only while no thread of the runtime is busy.
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || end.recv());
        let result = work.await;
        drop(ended);
        busy.await.unwrap().unwrap_err();
        result
    }

    fn set_clock(&self) {
        let stopped = self.frozen.get() || self.held.get() > 0;
        if self.stopped.replace(stopped) == stopped {
            return;
        }
        if stopped {
            tokio::time::pause();
        } else {
            tokio::time::resume();
        }
    }

    /// What the test planned and what never happened.
    pub(crate) fn missed(&self) -> Vec<(Trigger, Incident)> {
        self.plan.borrow().clone()
    }
}

/// Holds the clock.
struct Hold<'a>(&'a Simulation);

impl<'a> Hold<'a> {
    fn of(simulation: &'a Simulation) -> Self {
        simulation.held.set(simulation.held.get() + 1);
        simulation.set_clock();
        Self(simulation)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.held.set(self.0.held.get() - 1);
        self.0.set_clock();
    }
}
