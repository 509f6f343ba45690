//! Signals, turned into the policy's [`Interrupt`].

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::interrupt::Interrupt;
use crate::report::Signal;

/// Listens from here on; the handlers are installed when this returns.
///
/// On a terminal the first Ctrl-C during the measurement ends only that. Everywhere else, and for every other
/// signal, the run ends at once.
///
/// # Errors
/// When the system takes no more handlers.
pub fn listen(interrupt: &Interrupt) -> io::Result<JoinHandle<()>> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let person = io::stdin().is_terminal() && std::env::var_os("GITHUB_ACTIONS").is_none();
    let interrupt = interrupt.clone();
    Ok(tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                _ = int.recv() => Signal::Int,
                _ = term.recv() => Signal::Term,
                _ = hup.recv() => Signal::Hup,
            };
            if person && signal == Signal::Int {
                interrupt.end_measurement_or_run(signal);
            } else {
                interrupt.end_run(signal);
            }
        }
    }))
}
