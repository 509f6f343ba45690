//! One test binary: values and parsing are tested beside the code, everything else here.

// `cfg(test)` always holds here; it tells clippy that what tests call belongs to tests too.
#[cfg(test)]
mod action;
#[cfg(test)]
mod artifact;
#[cfg(test)]
mod aws_faults;
#[cfg(test)]
mod bake;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod collection;
#[cfg(test)]
mod command;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod comment;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod compared_in_job;
#[cfg(test)]
mod container;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod duet;
#[cfg(test)]
mod e2e;
#[cfg(test)]
mod editor;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod fake_github;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod iam_policy;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod init;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod kept_on_ec2;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod list;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod object_store;
#[cfg(test)]
mod open_shell;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod rented_facts;
#[cfg(test)]
mod rented_page;
#[cfg(test)]
mod report_page;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod shards;
mod signals;
#[cfg(test)]
mod skip;
#[cfg(test)]
mod ssh;
#[cfg(test)]
mod status_lines;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod throttling;
mod trace;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod two_revisions;
#[cfg(test)]
mod upload;
#[cfg(test)]
mod upload_stream;
#[cfg(test)]
mod workflow;
