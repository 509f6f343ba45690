//! A step as a job, on this machine.

use std::io;
use std::path::Path;

use bytes::Bytes;
use collector::instance::LeaseToken;
use collector::job::{Job, JobEnd, Log};
use collector::shell::Output;
use collector::shell::process::ProcessShell;
use tokio_util::sync::CancellationToken;

use crate::doubles::CountingShell;

/// A log that takes everything.
#[derive(Default)]
struct Whole(Vec<u8>);

impl Output for Whole {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }

    fn err(&mut self, _: &[u8]) {}
}

impl Log for Whole {
    fn next(&self) -> u64 {
        self.0.len() as u64
    }

    fn is_full(&self) -> bool {
        false
    }
}

fn job(directory: &Path, script: &str) -> Job {
    Job {
        lease: LeaseToken::new("run-1"),
        number: 1,
        label: "01-run-script.sh".into(),
        directory: directory.join("jobs").to_string_lossy().into_owned(),
        argv: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        env: Vec::new(),
        home: ".".into(),
        cpus: None,
        login: false,
    }
}

#[tokio::test]
async fn a_step_takes_one_command() {
    let directory = tempfile::tempdir().unwrap();
    let shell = CountingShell::of(ProcessShell::in_directory(directory.path()));
    let job = job(directory.path(), "echo 12345; echo oh >&2; exit 3");
    let mut log = Whole::default();
    let stop = CancellationToken::new();
    let ended = job.run(&shell, None, &stop, &mut log).await.unwrap();
    assert_eq!((ended.end, ended.log_size), (JobEnd::Exited(3), 9));
    assert!(b"12345\noh\n".starts_with(&log.0));
    assert_eq!(shell.commands(), 1);
}

#[tokio::test]
async fn what_keeps_a_step_from_its_start_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let shell = ProcessShell::in_directory(directory.path());
    let mut job = job(directory.path(), "true");
    job.home = "nowhere".into();
    let stop = CancellationToken::new();
    let ended = job.run(&shell, None, &stop, &mut Whole::default()).await;
    let error = ended.unwrap_err().to_string();
    assert!(error.starts_with("starting a step failed"), "{error}");
    assert!(error.contains("nowhere"), "{error}");
}
