//! Stand-ins at the seams. They do what the real ones do, and something goes wrong at a moment of the test's choice.

mod ledger;
mod watcher;
mod wire;
mod world;

pub(crate) use ledger::{Faults, Find, Imaging, Keep, Launch, Ledger, Ready, Terminate, instance};
pub(crate) use watcher::Watcher;
pub(crate) use wire::Wire;
pub(crate) use world::{Deed, Moment, World};
