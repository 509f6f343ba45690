//! Signals, turned into the policy's [`Interrupt`].

use std::fs;
use std::io::{self, IsTerminal as _};

use futures_util::future::select_all;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::interrupt::Interrupt;
use crate::report::Signal;

/// Listens from here on, until the runtime ends; the handlers are installed when this returns.
///
/// On a terminal the first Ctrl-C during the measurement ends only that. Everywhere else, and for every other
/// signal, the run ends at once. A HUP that is ignored already stays so: `nohup` was asked for.
///
/// # Errors
/// When the system takes no more handlers.
pub(crate) fn listen(interrupt: &Interrupt) -> io::Result<()> {
    let heard = Signal::ALL
        .into_iter()
        .filter(|signal| *signal != Signal::Hup || !is_ignored(*signal));
    let mut streams = heard
        .map(|kind| Ok((kind, signal(SignalKind::from_raw(kind.number().into()))?)))
        .collect::<io::Result<Vec<(Signal, Stream)>>>()?;
    let person = io::stdin().is_terminal() && std::env::var_os("GITHUB_ACTIONS").is_none();
    let interrupt = interrupt.clone();
    tokio::spawn(async move {
        loop {
            let next = streams.iter_mut().map(|(kind, stream)| {
                Box::pin(async move {
                    stream.recv().await;
                    *kind
                })
            });
            let (signal, ..) = select_all(next).await;
            if person && signal == Signal::Int {
                interrupt.end_measurement_or_run(signal);
            } else {
                interrupt.end_run(signal);
            }
        }
    });
    Ok(())
}

/// Whether the process was started with the signal ignored, as the kernel tells it.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal.number() - 1)) != 0)
}
