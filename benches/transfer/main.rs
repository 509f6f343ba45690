//! One collection over SSH, as it happens in a run: log in, list, fetch, check, write. `benches/run` starts the server,
//! calls this beside its peers and compares.
//!
//! `collect PORT CLIENT_KEY HOST_KEY.pub PATTERN INTO` prints its seconds and its peak memory;
//! `delay LISTEN TO MILLISECONDS MEGABITS` carries connections over a long way, until it is killed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are what it is for"
)]

mod delay;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use collector::collect::{Arrivals, collect};
use collector::config::Pattern;
use collector::reporter::{Reporter, TimedEvent};
use collector::shell::ssh::{LoginKeys, SshShell, Target};

struct Silence;

impl Reporter for Silence {
    fn take(&self, _: TimedEvent) {}
}

/// Collects and prints the seconds from before the login to after the last file.
async fn measure(
    port: &str,
    client: &str,
    host: &str,
    pattern: &str,
    into: &str,
) -> Result<(), Box<dyn Error>> {
    let keys = LoginKeys::from_openssh(&fs::read_to_string(client)?, &fs::read_to_string(host)?)?;
    let target = Target {
        address: "127.0.0.1".into(),
        port: port.parse()?,
        user: "root".into(),
        keys,
    };
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
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!(
        "{:.3} {:.3} {} {}",
        seconds.as_secs_f64(),
        login.as_secs_f64(),
        collection.collected.files,
        peak.unwrap_or("0")
    );
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["collect", port, client, host, pattern, into] => {
            measure(port, client, host, pattern, into).await
        }
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
