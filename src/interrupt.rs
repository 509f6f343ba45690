//! The two ways to end things early: the step that is being measured, or the whole run.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::report::Signal;

/// A person's or a runner's wish to end things, heard by the policy and uttered by signal handlers.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    run: CancellationToken,
    signal: Arc<OnceLock<Signal>>,
    measuring: Arc<Mutex<Option<CancellationToken>>>,
}

impl Interrupt {
    /// Ends when the run is to end.
    pub const fn run(&self) -> &CancellationToken {
        &self.run
    }

    /// Ends the run.
    pub fn end_run(&self, signal: Signal) {
        let _ = self.signal.set(signal);
        self.run.cancel();
    }

    /// Ends only the measurement when one is going on and was not asked to end before, else the run.
    pub fn end_measurement_or_run(&self, signal: Signal) {
        match self.slot().take() {
            Some(measurement) => measurement.cancel(),
            None => self.end_run(signal),
        }
    }

    /// The signal that ended the run.
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }

    /// A token that ends when the measurement is to end; it counts until [`Interrupt::measured`].
    pub fn measuring(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.slot() = Some(token.clone());
        token
    }

    /// The measurement is over: from here on an interrupt ends the run.
    pub fn measured(&self) {
        *self.slot() = None;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<CancellationToken>> {
        self.measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_ends_the_measurement_and_the_second_the_run() {
        let interrupt = Interrupt::default();
        let measurement = interrupt.measuring();
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(measurement.is_cancelled() && !interrupt.run().is_cancelled());
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(interrupt.run().is_cancelled());
        assert_eq!(interrupt.signal(), Some(Signal::Int));
    }

    #[test]
    fn outside_of_the_measurement_the_first_interrupt_ends_the_run() {
        let interrupt = Interrupt::default();
        let measurement = interrupt.measuring();
        interrupt.measured();
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(interrupt.run().is_cancelled() && !measurement.is_cancelled());
    }
}
