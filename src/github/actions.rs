//! The runner's protocol: what it tells a step, and what it takes from one.

pub(crate) mod commands;
pub(crate) mod environment;
pub(crate) mod event;
pub(crate) mod id_token;
pub(crate) mod ownership;
pub(crate) mod state;
