//! collector measures a revision of the user's software on a rented machine.
//!
//! The library never prints. Modules stand on floors, and imports point down only; a test holds that:
//!
//! ```text
//! 4  main · cli · app · error · shutdown                  choose implementations, map errors to exit statuses
//! 3  provider::{ec2,local} · shell::{ssh,process} · reporter::console · project · github     adapters: the world
//! 2  pipeline → lease · job · collect · results           policy: it knows only the seams
//! 1  provider · shell · reporter · interrupt              the seams: one trait, one error type each
//! 0  config · phase · step · revision · instance · report values: no I/O, no async
//! ```
//!
//! A run flows from [`app`] through [`project`] (the config and its scripts, checked) into [`pipeline`], which leases
//! an instance ([`lease`]), runs steps as detached jobs ([`job`]), brings the results home ([`collect`]) and writes
//! them down ([`results`]).

#![expect(
    async_fn_in_trait,
    reason = "the seams are for this crate and its tests, on one thread"
)]

pub mod app;
pub mod cli;
pub mod collect;
pub mod config;
pub mod error;
pub mod github;
pub mod instance;
pub mod interrupt;
pub mod job;
pub mod lease;
pub mod phase;
pub mod pipeline;
pub mod project;
pub mod provider;
pub mod report;
pub mod reporter;
pub mod results;
pub mod revision;
pub mod shell;
pub mod shutdown;
pub mod step;
