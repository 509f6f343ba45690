//! collector measures a revision of the user's software on a rented machine.
//!
//! Policy never prints; only `reporter` writes. Modules stand on floors, and imports point down only; a test holds that:
//!
//! ```text
//! 4  main · cli · app · error · shutdown                  choose implementations, map errors to exit statuses
//! 3  provider::{ec2,local} · shell::{ssh,process,terminal} · github · reporter::{comparison,console,events_file,metrics,preview,progress,prompt,text,workflow,writer}  adapters
//! 2  fleet → sample → lease · job · collect · upload · results · repository · project  policy: it knows only the seams
//! 1  provider · remote_host · object_store · shell · reporter · interrupt · cancel · backoff · blocking  the seams: one trait, one error type each
//! 0  config · arm · figures · statistics · comparison · metrics · export · phase · step · schedule · shard · tuning · preview · starter · project_file · revision · instance · report · records · report_page · quoting · exit_status  values: no I/O, no async
//! ```
//!
//! A run flows from [`app`] through [`project`] (the config and its scripts, checked) into [`fleet`], which leases
//! instances ([`lease`]) and carries out the [`schedule`] on each as a [`sample`]: it runs steps as detached jobs
//! ([`job`]), brings the results home ([`collect`]) and writes them down ([`results`]).
//!
//! A module is public only where the program, the integration tests or a benchmark use it, so that dead code shows.

#![expect(
    async_fn_in_trait,
    reason = "the seams are for this crate and its tests, on one thread"
)]

pub mod app;
pub mod arm;
mod backoff;
mod blocking;
mod cancel;
pub mod cli;
pub mod collect;
pub mod comparison;
pub mod config;
mod error;
pub mod exit_status;
mod export;
pub mod figures;
pub mod fleet;
mod github;
pub mod instance;
pub mod interrupt;
pub mod job;
pub mod lease;
mod metrics;
pub mod object_store;
pub mod phase;
mod preview;
mod project;
pub mod project_file;
pub mod provider;
mod quoting;
pub mod records;
pub mod remote_host;
pub mod report;
mod report_page;
pub mod reporter;
pub mod repository;
pub mod results;
pub mod revision;
pub mod sample;
mod schedule;
pub mod shard;
pub mod shell;
mod shutdown;
#[cfg(test)]
#[path = "../tests/integration/skip.rs"]
mod skip;
mod starter;
pub mod statistics;
pub mod step;
mod tuning;
pub mod upload;
