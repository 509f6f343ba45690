//! The sampler of the system metrics: a job beside the steps whose log is CSV, and which steps tell when they begin and end.
//!
//! It is one awk that reads `/proc` and sleeps in between; nothing is forked while it samples, and nothing is sent.

use std::time::Duration;

use super::{Job, START_DEADLINE, path, read_rest};
use crate::instance::LeaseToken;
use crate::job::Log;
use crate::shell::{Command, Shell, ShellError, run_idempotent};

const SAMPLE: &str = include_str!("metrics/sample.sh");
const PROGRAM: &str = include_str!("metrics/sample.awk");
const READY: &str = include_str!("metrics/ready.sh");
const END: &str = include_str!("metrics/end.sh");

/// Runs it by bash, and by the machine's own shell where there is none.
const BY_SHELL: &str = r#"exec "$(command -v bash || command -v sh)" -c "$@""#;

/// Its number among the jobs: steps count from 1.
const NUMBER: u32 = 0;

/// How it samples.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// The time from row to row.
    pub interval: Duration,
    /// A process of the same machine that it does not outlive.
    pub owner: Option<u32>,
    /// The CPUs that it is kept to, where nothing is measured.
    pub cpus: Option<String>,
}

/// The sampler of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Sampler<'a> {
    /// The directory that holds the jobs of the lease.
    pub directory: &'a str,
}

impl Sampler<'_> {
    /// Starts it, and waits for its first line.
    ///
    /// # Errors
    /// When the machine cannot be talked to, or nothing can be sampled on it.
    pub async fn start(
        &self,
        shell: &impl Shell,
        lease: &LeaseToken,
        sampling: Sampling,
    ) -> Result<(), ShellError> {
        let directory = path(self.directory, NUMBER);
        let interval = sampling.interval.as_secs_f64().to_string();
        let owner = sampling.owner;
        let owner = owner.map_or_else(String::new, |process| process.to_string());
        let argv = [
            "/bin/sh", "-c", BY_SHELL, "sh", SAMPLE, "sample", &directory, &interval, &owner,
            PROGRAM,
        ];
        let job = Job {
            lease: lease.clone(),
            number: NUMBER,
            label: String::new(),
            directory: self.directory.to_owned(),
            argv: argv.map(str::to_owned).into(),
            env: Vec::new(),
            home: ".".into(),
            cpus: sampling.cpus,
            login: false,
        };
        job.start(shell).await?;
        self.ask(shell, "sampling system metrics", READY).await
    }

    /// Reads what it has written since.
    ///
    /// # Errors
    /// When the machine cannot be reached again, or the log takes nothing.
    pub async fn read(&self, shell: &impl Shell, log: &mut impl Log) -> Result<(), ShellError> {
        read_rest(shell, self.directory, NUMBER, log).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the machine cannot be talked to.
    pub async fn end(&self, shell: &impl Shell) -> Result<(), ShellError> {
        self.ask(shell, "ending the sampler of the system metrics", END)
            .await
    }

    async fn ask(
        &self,
        shell: &impl Shell,
        what: &'static str,
        script: &'static str,
    ) -> Result<(), ShellError> {
        let command = Command::new(script, [path(self.directory, NUMBER)]).as_root();
        run_idempotent(shell, what, &command, &[], START_DEADLINE).await?;
        Ok(())
    }
}
