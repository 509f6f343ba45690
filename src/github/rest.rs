//! GitHub over HTTP.

pub(crate) mod api;
pub(crate) mod http;
