use super::*;
use crate::shell::{Exit, Output, RECONNECT_DEADLINE};
use bytes::Bytes;
use std::cell::Cell;
use std::io;
use tokio::io::AsyncRead;
use tokio::time::Instant;

/// A machine that starts a job and is not heard of again: each attempt to reach it takes a second.
#[derive(Default)]
struct Vanishing(Cell<bool>);

impl Shell for Vanishing {
    async fn execute(
        &self,
        _: &Command,
        _: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if !self.0.replace(true) {
            output.err(b"following\n");
        }
        sleep(Duration::from_secs(1)).await;
        Err(ShellError::Lost {
            address: "nowhere".into(),
            reason: "the port does not answer".into(),
        })
    }
}

fn job() -> Job {
    Job {
        lease: LeaseToken::new("run-1"),
        number: 1,
        label: "01-run-script.sh".into(),
        directory: "/jobs".into(),
        argv: vec!["script.sh".into()],
        env: Vec::new(),
        home: ".".into(),
        cpus: None,
        login: true,
    }
}

/// A machine whose connection is lost for a while, in which the job ends.
struct EndsMeanwhile {
    back: Instant,
    begun: Cell<bool>,
}

impl Shell for EndsMeanwhile {
    async fn execute(
        &self,
        command: &Command,
        _: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if !self.begun.replace(true) {
            output.err(b"following\n");
        }
        if Instant::now() < self.back {
            return Err(ShellError::Lost {
                address: "nowhere".into(),
                reason: "the port does not answer".into(),
            });
        }
        assert!(
            !command.argv().any(|word| word == KILL),
            "nothing is left to be ended"
        );
        output
            .out(Bytes::from_static(b"state 0 3\n"))
            .await
            .unwrap();
        Ok(Exit::Code(0))
    }
}

/// A log that nobody writes.
struct Nothing;

impl Output for Nothing {
    async fn out(&mut self, _: Bytes) -> io::Result<()> {
        Ok(())
    }

    fn err(&mut self, _: &[u8]) {}
}

impl Log for Nothing {
    fn next(&self) -> u64 {
        0
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// A machine that holds the connection and does nothing.
struct Hanging;

impl Shell for Hanging {
    async fn execute(
        &self,
        _: &Command,
        _: impl AsyncRead + Unpin,
        _: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_answers_nothing_is_given_up() {
    let stop = CancellationToken::new();
    let mut log = Nothing;
    let end = job().run(&Hanging, None, &stop, &mut log).await;
    assert!(matches!(end, Err(ShellError::Stalled { .. })));
    let lease = LeaseToken::new("run-1");
    let end = kill_all(&Hanging, &lease, "/jobs", GRACE_PERIOD).await;
    assert!(matches!(end, Err(ShellError::Stalled { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_gone_is_given_up() {
    let since = Instant::now();
    let stop = CancellationToken::new();
    let shell = Vanishing::default();
    let mut log = Nothing;
    let job = job();
    let run = job.run(&shell, None, &stop, &mut log);
    let end = tokio::time::timeout(2 * RECONNECT_DEADLINE, run)
        .await
        .expect("it hangs");
    assert!(matches!(end, Err(ShellError::Lost { .. })));
    assert!(since.elapsed() >= RECONNECT_DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn one_that_ended_unseen_has_not_run_out_of_time() {
    let shell = EndsMeanwhile {
        back: Instant::now() + Duration::from_secs(20),
        begun: Cell::new(false),
    };
    let timeout = Some(Duration::from_secs(10));
    let stop = CancellationToken::new();
    let end = job().run(&shell, timeout, &stop, &mut Nothing).await;
    assert_eq!(end.unwrap().end, JobEnd::Exited(3));
}
