//! Describes a run, runs it, and holds every promise that holds for all runs against what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use collector::config::{self, Bake, Config, FigureFiles, Interval, Pattern, ProviderSpec, Source};
use collector::fleet;
use collector::instance::RunId;
use collector::lease::LeaseRecords;
use collector::phase::Phase;
use collector::report::RunReport;
use collector::repository::Found;
use collector::revision::Revision;
use collector::sample::{Baseline, LocalHost, Plan, Run};
use collector::shard::{Shard, Share};
use collector::shell::process::ProcessShell;
use collector::step::{Location, ScriptPath, Step};
use tempfile::TempDir;

use super::done::Done;
use crate::doubles::{
    Faults, FlakyShell, Incident, Ledger, Outage, RecordingReporter, Simulation, Trigger,
};

/// Past this a run hangs.
const DEADLINE: Duration = Duration::from_mins(1);

/// A script and how it is to run. It prints its phase before anything else.
#[derive(Debug, Clone)]
pub(super) struct Script {
    text: String,
    local: bool,
    warn_only: bool,
    timeout: Option<Duration>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

pub(super) fn script(text: impl Into<String>) -> Script {
    Script {
        text: text.into(),
        local: false,
        warn_only: false,
        timeout: None,
        args: Vec::new(),
        env: Vec::new(),
    }
}

impl Script {
    pub(super) fn local(mut self) -> Self {
        self.local = true;
        self
    }

    pub(super) fn warn_only(mut self) -> Self {
        self.warn_only = true;
        self
    }

    pub(super) fn timeout_ms(mut self, timeout: u64) -> Self {
        self.timeout = Some(Duration::from_millis(timeout));
        self
    }

    pub(super) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

impl From<&str> for Script {
    fn from(text: &str) -> Self {
        script(text)
    }
}

/// What a run has to do with images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Image {
    #[default]
    None,
    Used,
    Made,
}

/// A run that is being described.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of a run, and they are independent"
)]
#[derive(Debug, Clone, Default)]
pub(super) struct Scenario {
    scripts: BTreeMap<Phase, Vec<Script>>,
    patterns: Vec<String>,
    incidents: Vec<(Trigger, Incident)>,
    faults: Faults,
    outage: Option<(Outage, u32)>,
    paused: bool,
    output: Option<PathBuf>,
    blocked: bool,
    samples: Option<u32>,
    shard: Option<Shard>,
    parallel: Option<u32>,
    fail_fast: bool,
    lifetime: Option<Duration>,
    keep: Option<Duration>,
    metrics: Option<Duration>,
    calibrated: bool,
    quiet: bool,
    image: Image,
    turns: Option<NonZeroU32>,
    duets: Option<NonZeroU32>,
    stays: bool,
    unpacked: bool,
}

/// A run without any script.
pub(super) fn bare_run() -> Scenario {
    Scenario::default()
}

/// A run with a script in every phase that does nothing, and a result.
pub(super) fn run() -> Scenario {
    let mut scenario = Scenario {
        patterns: vec!["result".into()],
        ..Scenario::default()
    };
    for phase in Phase::ALL {
        // What runs here starts quicker than on the instance.
        scenario = scenario.on(phase, script("").local());
    }
    scenario.on(Phase::AfterAwsStart, "echo 42 > result")
}

impl Scenario {
    /// Gives a phase this script instead of what it had.
    pub(super) fn on(mut self, phase: Phase, script: impl Into<Script>) -> Self {
        self.scripts.insert(phase, vec![script.into()]);
        self
    }

    /// Gives a phase one more script.
    pub(super) fn then(mut self, phase: Phase, script: impl Into<Script>) -> Self {
        self.scripts.entry(phase).or_default().push(script.into());
        self
    }

    pub(super) fn setup(self, script: impl Into<Script>) -> Self {
        self.on(Phase::Setup, script)
    }

    pub(super) fn measure(self, script: impl Into<Script>) -> Self {
        self.on(Phase::Run, script)
    }

    pub(super) fn results(mut self, pattern: &str) -> Self {
        self.patterns = vec![pattern.into()];
        self
    }

    pub(super) fn when(mut self, moment: Trigger, incident: Incident) -> Self {
        self.incidents.push((moment, incident));
        self
    }

    /// The first samples that are at this lose their connections for ever; no process of the others runs under a deadline.
    pub(super) fn outage(mut self, moment: Outage, samples: u32) -> Self {
        self.outage = Some((moment, samples));
        self
    }

    pub(super) fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Deadlines pass at once, from the start. Only for runs that start no process.
    pub(super) fn in_frozen_time(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Deadlines pass at once from this moment on.
    pub(super) fn in_no_time(self, from: Trigger) -> Self {
        self.when(from, Incident::FreezeTime)
    }

    /// Results go to this directory, not to one of their own.
    pub(super) fn output(mut self, output: &Path) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Measures on this many instances.
    pub(super) fn samples(mut self, samples: u32) -> Self {
        self.samples = Some(samples);
        self
    }

    /// Measures only the samples of this shard.
    pub(super) fn shard(mut self, number: u32, of: u32) -> Self {
        self.shard = Some(Shard::new(number, of).unwrap());
        self
    }

    /// Uses at most this many instances at once.
    pub(super) fn parallel(mut self, parallel: u32) -> Self {
        self.parallel = Some(parallel);
        self
    }

    /// Compares with `v1` in six turns of each, by the figures in `figures.txt`.
    pub(super) fn compared(mut self) -> Self {
        self.turns = NonZeroU32::new(6);
        self
    }

    /// Compares with `v1` in so many turns of each, both at the same time.
    pub(super) fn duet(mut self, turns: u32) -> Self {
        self.turns = NonZeroU32::new(turns);
        self.duets = self.turns;
        self
    }

    /// The instance lives this long.
    pub(super) fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Keeps the instance for so long after a failure.
    pub(super) fn keep_on_failure(mut self, time: Duration) -> Self {
        self.keep = Some(time);
        self
    }

    /// Samples system metrics every second.
    pub(super) fn with_metrics(mut self) -> Self {
        self.metrics = Some(Duration::from_secs(1));
        self
    }

    /// Measures how fast the instance is.
    pub(super) fn calibrated(mut self) -> Self {
        self.calibrated = true;
        self
    }

    /// Asks for a quiet instance.
    pub(super) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Sends the results straight from the instance to the bucket.
    pub(super) fn without_download(mut self) -> Self {
        self.stays = true;
        self
    }

    /// Keeps no archive.
    pub(super) fn without_archive(mut self) -> Self {
        self.unpacked = true;
        self
    }

    /// Asks for an image.
    pub(super) fn uses_image(mut self) -> Self {
        self.image = Image::Used;
        self
    }

    /// Makes an image.
    pub(super) fn bakes(mut self) -> Self {
        self.image = Image::Made;
        self
    }

    /// Ends all samples when the first one fails.
    pub(super) fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// The final name of the results is taken.
    pub(super) fn with_taken_name(mut self) -> Self {
        self.blocked = true;
        self
    }

    /// Runs it and checks what every run promises.
    pub(super) fn go(self) -> Done {
        let (sender, receiver) = mpsc::channel();
        let name = thread::current().name().unwrap_or("run").to_owned();
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || sender.send(self.execute()).unwrap())
            .unwrap();
        let done = match receiver.recv_timeout(DEADLINE) {
            Ok(done) => done,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the run hangs"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(thread.join().unwrap_err())
            }
        };
        done.keeps_its_promises();
        done
    }

    fn execute(self) -> Done {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path().join("leases"));
        let plan = self.plan(&directory);
        if self.blocked {
            let name = format!("i-{}", plan.run.lease(1));
            let taken = plan.output.join(plan.revision.directory()).join(name);
            fs::create_dir_all(taken.join("something")).unwrap();
        }
        let simulation = Rc::new(Simulation::new(self.incidents, self.outage, self.paused));
        let ledger = Ledger::new(
            simulation.clone(),
            self.faults,
            directory.path().join("instance"),
            records.clone(),
        );
        let reporter = RecordingReporter::new(simulation.clone());
        let local = LocalHost {
            shell: FlakyShell {
                shell: ProcessShell::in_directory(&plan.directory),
                simulation: simulation.clone(),
                sample: None,
                programs: None,
            },
            jobs_dir: directory.path().join("steps"),
        };
        let run = Run {
            plan: &plan,
            provider: &ledger,
            records: &records,
            local: &local,
            reporter: &reporter,
            interrupt: &simulation.interrupt,
        };
        let report: RunReport = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(self.paused)
            .build()
            .unwrap()
            .block_on(fleet::run(run))
            .unwrap();
        assert_eq!(reporter.finished.get(), 1, "the end is reported once");
        assert_eq!(simulation.missed(), [], "every planned moment comes");
        Done {
            leases: records.all(),
            launched: ledger.launched(),
            terminated: ledger.terminated(),
            living: ledger.living(),
            ways: records.instances(),
            recorded_before_launch: ledger.recorded_before_launch(),
            bakes: plan.bakes,
            images: ledger.images(),
            objects: ledger.objects(),
            launch_calls: ledger.launch_calls(),
            terminate_calls: ledger.terminate_calls(),
            home: ledger.home(),
            notes: reporter.notes.take(),
            report,
            directory,
        }
    }

    fn plan(&self, directory: &TempDir) -> Plan {
        let project = directory.path().join("project");
        fs::create_dir_all(&project).unwrap();
        let mut phases = BTreeMap::new();
        for (phase, scripts) in &self.scripts {
            let mut steps = Vec::new();
            for (index, script) in scripts.iter().enumerate() {
                let path = format!("{phase}-{index}.sh");
                let content = format!("#!/bin/sh\necho \"$COLLECTOR_PHASE\"\n{}\n", script.text);
                fs::write(project.join(&path), &content).unwrap();
                let executable = fs::Permissions::from_mode(0o755);
                fs::set_permissions(project.join(&path), executable).unwrap();
                steps.push(step(script, *phase, &path));
            }
            phases.insert(*phase, steps);
        }
        let patterns = self.patterns.iter();
        let output = directory.path().join("output");
        let baseline: Option<Revision> = self.turns.map(|_| "v1".parse().unwrap());
        let samples = NonZeroU32::new(self.samples.unwrap_or(1)).unwrap();
        let share = Share::new(self.shard.unwrap_or(Shard::WHOLE), samples).unwrap();
        let config = Config {
            performance_results: patterns
                .flat_map(|text| Pattern::parse(text).unwrap())
                .collect(),
            output: "output".into(),
            provider: ProviderSpec::Local,
            // A clock that a test stops must not run into it.
            max_lifetime: self.lifetime.unwrap_or(Duration::MAX),
            samples,
            parallel: self.parallel.and_then(NonZeroU32::new),
            keep_on_failure: self.keep,
            fail_fast: self.fail_fast,
            baseline: baseline.clone().map(config::Baseline::Revision),
            repeat: self.turns,
            duet: self.duets.is_some(),
            confirm: true,
            precision: None,
            fail_on: None,
            repository: None,
            bake: (self.image != Image::None).then_some(Bake::Auto),
            upload: Vec::new(),
            figures: self.turns.map_or_else(Vec::new, |_| figures()),
            exports: Vec::new(),
            metrics: self.metrics.map_or(Interval::Off, Interval::Every),
            calibrate: self.calibrated,
            quiet: self.quiet,
            s3: None,
            download: !self.stays,
            archive: !self.unpacked,
            phases,
        };
        let config = if self.image == Image::Made {
            config.for_bake()
        } else {
            config
        };
        Plan {
            config_name: "config.yml".into(),
            config,
            config_file: Vec::new(),
            baseline: baseline.map(|revision| Baseline {
                revision,
                found: Found::default(),
            }),
            seed: 0,
            share,
            directory: project,
            output: self.output.clone().unwrap_or(output),
            revision: "abc1234".parse().unwrap(),
            found: Found::default(),
            description: None,
            bakes: self.image == Image::Made,
            in_workflow: false,
            shell: None,
            run: RunId::generate(jiff::Timestamp::now()),
        }
    }
}

fn figures() -> Vec<FigureFiles> {
    let text = "main: {performance_results: x, output: out, provider: local, figures: figures.txt}\nrun: [a.sh]\n";
    let source = Source {
        path: Path::new("config.yml"),
        text,
        local: true,
    };
    Config::parse(source, &|_| Ok(())).unwrap().figures
}

fn step(script: &Script, phase: Phase, path: &str) -> Step {
    Step {
        script: ScriptPath::parse(path).unwrap(),
        location: if script.local || phase == Phase::BeforeAwsStart {
            Location::Local
        } else {
            Location::Remote
        },
        timeout: script.timeout,
        warn_only: script.warn_only,
        args: script.args.clone(),
        env: script.env.clone(),
    }
}
