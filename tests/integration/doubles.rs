//! Doubles at the seams. They do what the real ones do, and something goes wrong at a moment of the test's choice.

mod bucket;
mod counting_shell;
mod flaky_shell;
mod ledger;
mod recording_reporter;
mod simulation;

pub(crate) use bucket::{Bucket, Storing};
pub(crate) use counting_shell::CountingShell;
pub(crate) use flaky_shell::FlakyShell;
pub(crate) use ledger::{Faults, Find, Imaging, Keep, Launch, Ledger, Ready, Terminate, instance};
pub(crate) use recording_reporter::RecordingReporter;
pub(crate) use simulation::{Incident, Outage, Simulation, Trigger};
