//! A run that is over, and what can be claimed about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use collector::exit_status::ExitStatus;
use collector::instance::InstanceId;
use collector::lease::{KeptInstance, LeaseRecord};
use collector::phase::{Phase, Stage};
use collector::report::{Outcome, Release, RunReport, SampleReport, StageReport, StepReport};
use collector::step::{Location, StepOutcome};
use jiff::Timestamp;
use tempfile::TempDir;

/// How long the kernel and helpers that are on their way out have to be gone.
const DONE_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Done {
    pub(super) directory: TempDir,
    pub(super) report: RunReport,
    pub(super) leases: Vec<LeaseRecord>,
    pub(super) launched: usize,
    pub(super) terminated: usize,
    /// The instances that live on, and when they end themselves.
    pub(super) living: Vec<(InstanceId, Timestamp)>,
    pub(super) ways: Vec<KeptInstance>,
    pub(super) recorded_before_launch: Option<bool>,
    /// An image was to be made.
    pub(super) bakes: bool,
    /// The images that can be launched from, and the others.
    pub(super) images: [usize; 2],
    /// The objects of the bucket, by their keys.
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) launch_calls: u32,
    pub(super) terminate_calls: u32,
    pub(super) home: PathBuf,
    pub(super) notes: Vec<String>,
}

impl Done {
    /// The only sample, or the first one.
    pub(super) fn sample(&self) -> &SampleReport {
        self.report.samples.first().expect("there is a sample")
    }

    pub(super) fn exits(&self, status: u8) -> &Self {
        assert_eq!(self.report.exit_status().code(), status, "{}", self.story());
        self
    }

    /// This was said exactly once.
    pub(super) fn noted_once(&self, words: &str) -> &Self {
        let notes = self.notes.iter().filter(|note| note.contains(words));
        assert_eq!(notes.count(), 1, "{words}: {:?}", self.notes);
        self
    }

    /// These phases ran, and no other.
    pub(super) fn ran(&self, phases: &[Phase]) -> &Self {
        let ran: Vec<Phase> = self.sample().stages.iter().filter_map(phase_of).collect();
        assert_eq!(ran, phases, "{}", self.story());
        self
    }

    pub(super) fn step(&self, phase: Phase) -> &StepReport {
        let stage = self.sample().stages.iter();
        let mut stage = stage.filter(|stage| phase_of(stage) == Some(phase));
        &stage.next().expect("the phase ran").steps[0]
    }

    /// The first step of the phase ended like this.
    pub(super) fn ended(&self, phase: Phase, outcome: StepOutcome) -> &Self {
        assert_eq!(
            self.step(phase).outcome,
            outcome,
            "{phase}: {}",
            self.story()
        );
        self
    }

    /// The log of the phase's first step, without the line that every script prints.
    pub(super) fn log(&self, phase: Phase) -> String {
        let log = self.read(&self.step(phase).log);
        let rest = log.strip_prefix(&format!("{phase}\n"));
        rest.unwrap_or_else(|| panic!("{phase} did not begin: {log:?}"))
            .to_owned()
    }

    pub(super) fn results(&self) -> &Path {
        self.sample()
            .directory
            .as_deref()
            .expect("there are results")
    }

    /// A text file of the results.
    pub(super) fn read(&self, name: &str) -> String {
        let path = self.results().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The result of the default run is here.
    pub(super) fn collected(&self) -> &Self {
        assert_eq!(self.read("result"), "42\n");
        assert_eq!(self.sample().collected.files, 1, "{}", self.story());
        self
    }

    /// The files of an object of the bucket, which is an archive, below the directory of the results.
    pub(super) fn stored(&self, behind: &str) -> Vec<String> {
        let name = self.results().file_name().unwrap().to_string_lossy();
        let root = format!("{}/{name}", self.sample().revision);
        let object = &self.objects[&format!("{root}{behind}")];
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(object.as_slice()));
        let paths = archive.entries().unwrap().map(|entry| {
            let path = entry.unwrap().path().unwrap().into_owned();
            path.strip_prefix(&root)
                .map(|path| path.display().to_string())
        });
        paths.flatten().filter(|path| !path.is_empty()).collect()
    }

    /// Whether there is a packed copy of the results beside them.
    pub(super) fn has_archive(&self) -> bool {
        let directory = self.results().parent().unwrap();
        let mut entries = fs::read_dir(directory).unwrap().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().contains(".tar.gz"))
    }

    /// Nothing was launched.
    pub(super) fn launched_nothing(&self) -> &Self {
        assert_eq!(self.launched, 0, "{}", self.story());
        assert_eq!(self.sample().released, Release::NothingLaunched);
        self
    }

    /// One instance was launched, and it was given back.
    pub(super) fn gave_back(&self) -> &Self {
        assert_eq!((self.launched, self.terminated), (1, 1), "{}", self.story());
        assert_eq!(self.sample().released, Release::Terminated);
        self
    }

    /// The run says that an instance may be left, and keeps the trace to it.
    pub(super) fn leaked(&self) -> &Self {
        let unconfirmed = matches!(self.sample().released, Release::Unconfirmed { .. });
        assert!(unconfirmed, "{}", self.story());
        self.exits(4)
    }

    pub(super) fn warned(&self, what: &str) -> &Self {
        let warned = self
            .sample()
            .warnings
            .iter()
            .any(|text| text.contains(what));
        assert!(warned, "no warning of {what}: {}", self.story());
        self
    }

    /// What no run may do, however it ends.
    pub(super) fn keeps_its_promises(&self) {
        let story = self.story();
        let samples = &self.report.samples;
        assert_ne!(self.recorded_before_launch, Some(false), "{story}");
        let leaked =
            |sample: &&SampleReport| matches!(sample.released, Release::Unconfirmed { .. });
        if let Some(leaked) = samples.iter().find(leaked) {
            assert_eq!(self.report.exit_status(), ExitStatus::Leaked, "{story}");
            assert_eq!(self.leases.len(), 1, "the trace is kept: {story}");
            assert_eq!(self.leases[0].lease, leaked.lease);
        } else {
            let kept = samples.iter().filter_map(|sample| match &sample.released {
                Release::Kept { id, until } => Some((id.clone(), *until)),
                _ => None,
            });
            assert_eq!(kept.collect::<Vec<_>>(), self.living, "{story}");
            let ways = self.ways.iter().filter(|way| way.kept);
            let ways = ways.map(|way| (way.id.clone(), way.expires_at));
            assert_eq!(ways.collect::<Vec<_>>(), self.living, "{story}");
            assert_eq!(self.ways.len(), self.living.len(), "{story}");
            let gone = self.launched - self.living.len();
            assert_eq!(self.terminated, gone, "{story}");
            if !self.living.is_empty() {
                assert_eq!(self.leases.len(), 1, "the lease is on record: {story}");
                return;
            }
            // A launch that got no answer may still show up: its trace is for `reap`.
            let launched = samples
                .iter()
                .any(|sample| sample.released == Release::Terminated);
            let [_, unfinished] = self.images;
            assert_eq!(self.report.remaining.len(), unfinished, "{story}");
            assert!(
                !launched || self.leases.len() == unfinished,
                "the lease is forgotten: {story}"
            );
            self.left_no_process();
        }
        assert!(!self.directory.path().join("steps").exists(), "{story}");
        // What a bake leaves is its image.
        let bare = |sample: &&SampleReport| self.bakes && sample.outcome == Outcome::Passed;
        for sample in samples.iter().filter(|sample| !bare(sample)) {
            Self::reports_truly(sample, &story);
        }
    }

    /// The record on disk is what was reported, and every log is there.
    fn reports_truly(sample: &SampleReport, story: &str) {
        let Some(directory) = sample.directory.as_deref() else {
            assert_eq!(sample.released, Release::NothingLaunched, "{story}");
            let scripts = sample.stages.iter().map(|stage| stage.steps.len());
            assert_eq!(scripts.sum::<usize>(), 0, "{story}");
            return;
        };
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        let record: SampleReport = serde_json::from_str(&read("collector/run.json")).unwrap();
        assert_eq!(record.outcome, sample.outcome, "{story}");
        assert_eq!(record.released, sample.released, "{story}");
        for stage in &sample.stages {
            for step in &stage.steps {
                let log = read(&step.log);
                let ended_itself = matches!(
                    step.outcome,
                    StepOutcome::Passed | StepOutcome::Warned | StepOutcome::Failed
                );
                // One that was ended may not have got as far as its first line, and what an instance has kept of the log may
                // be out of reach.
                let out_of_reach =
                    sample.outcome == Outcome::Unavailable && step.location == Location::Remote;
                assert!(
                    ((!ended_itself || out_of_reach) && log.is_empty())
                        || log.starts_with(&stage.stage.to_string()),
                    "{log:?}: {story}"
                );
            }
        }
    }

    /// No process carries the mark of the run or stands in one of its directories.
    fn left_no_process(&self) {
        let deadline = Instant::now() + DONE_DEADLINE;
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{left:?} are left: {}",
                self.story()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn processes(&self) -> Vec<u32> {
        let mark = format!("COLLECTOR_JOB={}-", self.report.run).into_bytes();
        let place = fs::canonicalize(self.directory.path()).unwrap();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|entry| {
                let id = entry.file_name().to_str()?.parse().ok()?;
                let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
                let marked = environment
                    .split(|byte| *byte == 0)
                    .any(|v| v.starts_with(&mark));
                let directory = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
                (marked || directory.starts_with(&place)).then_some(id)
            })
            .collect()
    }

    /// The run as a person needs it who looks for the reason of a failure.
    fn story(&self) -> String {
        serde_json::to_string_pretty(&self.report).unwrap()
    }
}

impl Drop for Done {
    /// A run that could not give its instance back leaves its processes, too.
    fn drop(&mut self) {
        for id in self.processes() {
            let _ = Command::new("kill")
                .args(["-KILL", &id.to_string()])
                .status();
        }
    }
}

fn phase_of(stage: &StageReport) -> Option<Phase> {
    match stage.stage {
        Stage::Scripts(phase) => Some(phase),
        _ => None,
    }
}
