//! One collection over SSH, as it happens in a run: log in, list, fetch, check, write; or one upload. `benches/run` starts
//! the server, calls this beside its peers and compares.
//!
//! `collect PORT CLIENT_KEY HOST_KEY.pub PATTERN INTO` prints its seconds and its peak memory;
//! `upload PORT CLIENT_KEY HOST_KEY.pub DIRECTORY INTO`, where `INTO` is relative to the home there, the same;
//! `delay LISTEN TO MILLISECONDS MEGABITS` carries connections over a long way, until it is killed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are what it is for"
)]

mod delay;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collector::collect::{Arrivals, collect};
use collector::config::Pattern;
use collector::project_file::{Content, ProjectFile};
use collector::reporter::{Reporter, TimedEvent};
use collector::shell::ssh::{LoginKeys, SshShell, Target};
use collector::upload::upload;

struct Silence;

impl Reporter for Silence {
    fn take(&self, _: TimedEvent) {}
}

/// The server of the benchmark on this machine.
fn target(port: &str, client: &str, host: &str) -> Result<Target, Box<dyn Error>> {
    let keys = LoginKeys::from_openssh(&fs::read_to_string(client)?, &fs::read_to_string(host)?)?;
    Ok(Target {
        address: "127.0.0.1".into(),
        port: port.parse()?,
        user: "root".into(),
        keys,
    })
}

/// Prints the seconds from before the login to after the last file, and the most memory that was taken.
fn print(seconds: Duration, login: Duration, files: u64) -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!(
        "{:.3} {:.3} {files} {}",
        seconds.as_secs_f64(),
        login.as_secs_f64(),
        peak.unwrap_or("0")
    );
    Ok(())
}

async fn measure_collection(
    target: Target,
    pattern: &str,
    into: &str,
) -> Result<(), Box<dyn Error>> {
    let patterns = Pattern::parse(pattern)?;
    let since = Instant::now();
    let shell = SshShell::connect(target).await?;
    let login = since.elapsed();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, Path::new(into), &arrivals, &Silence).await;
    let seconds = since.elapsed();
    if let Some(error) = collection.error {
        return Err(error.into());
    }
    if let Some(warning) = collection.warnings.first() {
        return Err(warning.as_str().into());
    }
    Ok(print(seconds, login, collection.collected.files)?)
}

async fn measure_upload(target: Target, directory: &str, into: &str) -> Result<(), Box<dyn Error>> {
    let since = Instant::now();
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.push(ProjectFile {
            destination: PathBuf::from(into).join(entry.file_name()),
            content: Content::File {
                source: entry.path(),
                size: entry.metadata()?.len(),
            },
        });
    }
    let shell = SshShell::connect(target).await?;
    let login = since.elapsed();
    let sent = upload(&shell, files.into(), &Silence).await?;
    Ok(print(
        since.elapsed(),
        login,
        u64::try_from(sent.files.len())?,
    )?)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["collect", port, client, host, pattern, into] => match target(port, client, host) {
            Ok(target) => measure_collection(target, pattern, into).await,
            Err(error) => Err(error),
        },
        ["upload", port, client, host, directory, into] => match target(port, client, host) {
            Ok(target) => measure_upload(target, directory, into).await,
            Err(error) => Err(error),
        },
        ["delay", listen, to, milliseconds, megabits] => {
            delay::carry(listen, to, milliseconds, megabits).await
        }
        // Cargo runs the target as a test, too.
        _ => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
