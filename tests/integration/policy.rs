//! What a run promises, however it ends: {ok, failure, warning, time-out, error, panic, cancel} in every phase.

mod bake;
mod bucket;
mod calibration;
mod cancel;
mod connection;
mod done;
mod duet;
mod harness;
mod keep;
mod metrics;
mod names;
mod outcomes;
mod panics;
mod profile;
mod provider;
mod samples;
