//! `metrics.csv`: the system metrics of an instance, as its sampler writes them.

/// The name of the file, among the records of a sample.
pub const FILE: &str = "metrics.csv";
