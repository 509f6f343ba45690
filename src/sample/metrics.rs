//! The system metrics of a sample: started with the first step, fetched between phases, and never a reason to fail.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{Host, Sample};
use crate::blocking::off_the_runtime;
use crate::comparison::Reservation;
use crate::config::ProviderSpec;
use crate::job::{Log, Sampler, Sampling};
use crate::metrics::{self, Measurement, Scope};
use crate::phase::{Phase, Stage};
use crate::provider::Provider;
use crate::records::HostFacts;
use crate::reporter::Reporter;
use crate::results::RECORDS;
use crate::shell::{Output, Shell, ShellError};

/// The system metrics as far as they have come; a file that exists already is gone on with.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    next: u64,
}

impl MetricsFile {
    /// The metrics among the records of these results.
    pub(super) fn of(results: &Path) -> Self {
        let path = results.join(RECORDS).join(metrics::FILE);
        let next = path.metadata().map_or(0, |file| file.len());
        Self { path, next }
    }
}

fn append(path: &Path, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file: File = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.write_all_at(bytes, at)
}

impl Output for MetricsFile {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        let (path, at, size) = (self.path.clone(), self.next, bytes.len() as u64);
        off_the_runtime(move || append(&path, &bytes, at)).await?;
        self.next += size;
        Ok(())
    }

    fn err(&mut self, _: &[u8]) {}
}

impl Log for MetricsFile {
    fn next(&self) -> u64 {
        self.next
    }

    fn is_full(&self) -> bool {
        false
    }
}

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Begins to sample, where that is wanted.
    pub(super) async fn start_metrics(&mut self, host: &Host<'a, P, R>) {
        let plan = self.run.plan;
        let Some(interval) = plan.config.metrics.duration() else {
            return;
        };
        // An instance ends with its sampler; this machine lives on when collector is killed.
        let owner = (plan.config.provider == ProviderSpec::Local).then(std::process::id);
        let sampling = Sampling {
            interval,
            owner,
            cpus: self.cpus.as_ref().and_then(|cpus| cpus.rest.clone()),
        };
        let lease = plan.run.lease(self.index);
        let sampler = Sampler {
            directory: &host.jobs_dir,
        };
        match sampler.start(&host.shell, &lease, sampling).await {
            Ok(()) => self.metrics = Some(MetricsFile::of(self.results.path())),
            Err(error) => self.journal.warn(without_metrics(&error)),
        }
    }

    /// Brings home what was sampled since, while nothing is measured.
    pub(super) async fn fetch_metrics(&mut self, host: &Host<'a, P, R>) {
        if self.journal.unreachable {
            return;
        }
        let Some(mut file) = self.metrics.take() else {
            return;
        };
        // The results may have got their final name.
        file.path = self.results.path().join(RECORDS).join(metrics::FILE);
        let sampler = Sampler {
            directory: &host.jobs_dir,
        };
        match sampler.read(&host.shell, &mut file).await {
            Ok(()) => self.metrics = Some(file),
            Err(error) => self.journal.warn(without_metrics(&error)),
        }
    }

    /// What disturbed the steps that measured, in words; nothing where that is not known.
    pub(super) async fn disturbances(&self) -> Vec<Reservation> {
        // In a duet two turns have the same time.
        let alone = !self.run.plan.config.is_duet();
        let stages = self.journal.stages.iter();
        let measured = stages.filter(|stage| stage.stage == Stage::Scripts(Phase::Run));
        let name = |log: &str| Some(log.rsplit('/').next()?.strip_suffix(".log")?.to_owned());
        let steps: BTreeMap<String, Scope> = measured
            .flat_map(|stage| {
                let scope = Scope {
                    turn: stage.turn.filter(|_| alone),
                    arm: stage.arm.filter(|_| alone),
                };
                let names = stage.steps.iter().filter_map(|step| name(&step.log));
                names.map(move |name| (name, scope))
            })
            .collect();
        let facts = self.facts.as_ref();
        let measurement = Measurement {
            sample: self.index,
            steps,
            cpus: facts.and_then(|facts| facts.cpu_count).filter(|_| alone),
            uninitialized_disks: facts.map_or_else(Vec::new, HostFacts::uninitialized_disks),
        };
        let path = self.results.path().join(RECORDS).join(metrics::FILE);
        let reading = spawn_blocking(move || {
            let text = std::fs::read(path).unwrap_or_default();
            metrics::reservations(&measurement, &text)
        });
        reading.await.unwrap_or_default()
    }

    /// Brings the rest home, and samples no more.
    pub(super) async fn end_metrics(&mut self, host: &Host<'a, P, R>) {
        if self.journal.unreachable || self.metrics.is_none() {
            return;
        }
        let sampler = Sampler {
            directory: &host.jobs_dir,
        };
        if let Err(error) = sampler.end(&host.shell).await {
            self.journal.warn(without_metrics(&error));
        }
        self.fetch_metrics(host).await;
        self.metrics = None;
    }
}

fn without_metrics(error: &ShellError) -> String {
    format!("not all system metrics came home: {error}")
}
