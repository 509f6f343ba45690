//! GitHub over HTTP.

pub mod api;
pub mod http;
