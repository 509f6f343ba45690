//! The runner's protocol: what it tells a step, and what it takes from one.

pub mod commands;
pub mod environment;
pub mod event;
pub mod id_token;
pub mod ownership;
pub mod state;
