//! One test binary: values and parsing are tested beside the code, everything else here.

mod command;
mod disk;
mod e2e;
mod lab;
mod limits;
mod signals;
mod ssh;
