//! The two ways to end things early: the steps that are being measured, or the whole run.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::report::Signal;

/// A person's or a runner's wish to end things, heard by the policy and uttered by signal handlers.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    run: CancellationToken,
    signal: Arc<OnceLock<Signal>>,
    last_words: Arc<OnceLock<CancellationToken>>,
    measuring: Arc<Mutex<Measuring>>,
}

/// The samples that are in the phase `run`.
#[derive(Debug, Default)]
struct Measuring {
    count: usize,
    stop: CancellationToken,
}

impl Interrupt {
    /// Ends when the run is to end.
    pub const fn token(&self) -> &CancellationToken {
        &self.run
    }

    /// Ends the run; when it is over and only its last words are written, ends these.
    pub fn end_run(&self, signal: Signal) {
        let _ = self.signal.set(signal);
        self.run.cancel();
        if let Some(last_words) = self.last_words.get() {
            last_words.cancel();
        }
    }

    /// Begins the last words of a run that is over. Ends when a signal comes from here on, whatever came before.
    pub fn begin_last_words(&self) -> CancellationToken {
        self.last_words.get_or_init(CancellationToken::new).clone()
    }

    /// Ends only the measurement, of all samples, when one is going on and was not asked to end before; else the run.
    pub fn end_measurement_or_run(&self, signal: Signal) {
        let measuring = self.measuring();
        if measuring.count > 0 && !measuring.stop.is_cancelled() {
            measuring.stop.cancel();
        } else {
            drop(measuring);
            self.end_run(signal);
        }
    }

    /// The signal that ended the run.
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }

    /// Enters the phase `run` with one sample. It counts until the value is dropped; a measurement that was ended
    /// before stays ended for the samples that come to it later.
    pub fn enter_run_phase(&self) -> RunPhase {
        let mut measuring = self.measuring();
        measuring.count += 1;
        RunPhase {
            stop: measuring.stop.clone(),
            measuring: self.measuring.clone(),
        }
    }

    fn measuring(&self) -> std::sync::MutexGuard<'_, Measuring> {
        self.measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sample's stay in the phase `run`.
#[derive(Debug)]
pub struct RunPhase {
    /// Ends when the measurement is to end.
    pub stop: CancellationToken,
    measuring: Arc<Mutex<Measuring>>,
}

impl Drop for RunPhase {
    fn drop(&mut self) {
        let mut measuring = self
            .measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        measuring.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_ends_the_measurement_and_the_second_the_run() {
        let interrupt = Interrupt::default();
        let phase = interrupt.enter_run_phase();
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(phase.stop.is_cancelled() && !interrupt.token().is_cancelled());
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(interrupt.token().is_cancelled());
        assert_eq!(interrupt.signal(), Some(Signal::Int));
    }

    #[test]
    fn outside_of_the_measurement_the_first_interrupt_ends_the_run() {
        let interrupt = Interrupt::default();
        let phase = interrupt.enter_run_phase();
        let stop = phase.stop.clone();
        drop(phase);
        interrupt.end_measurement_or_run(Signal::Int);
        assert!(interrupt.token().is_cancelled() && !stop.is_cancelled());
    }

    #[test]
    fn the_last_words_are_ended_by_another_signal_only() {
        let interrupt = Interrupt::default();
        interrupt.end_run(Signal::Int);
        let last_words = interrupt.begin_last_words();
        assert!(!last_words.is_cancelled());
        interrupt.end_measurement_or_run(Signal::Term);
        assert!(last_words.is_cancelled());
        assert_eq!(interrupt.signal(), Some(Signal::Int));
    }

    #[test]
    fn the_first_interrupt_ends_the_measurement_of_every_sample() {
        let interrupt = Interrupt::default();
        let phases = [interrupt.enter_run_phase(), interrupt.enter_run_phase()];
        interrupt.end_measurement_or_run(Signal::Int);
        let [first, second] = &phases;
        assert!(first.stop.is_cancelled() && second.stop.is_cancelled());
        let late = interrupt.enter_run_phase();
        assert!(late.stop.is_cancelled() && !interrupt.token().is_cancelled());
    }
}
