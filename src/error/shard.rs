//! Why a run is not divided among several processes.

use crate::shard::ShareError;

/// Why a run is not divided among several processes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum ShardError {
    /// Its samples cannot be divided like this.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The shards have nothing in common.
    #[error("nothing names the run that this is a shard of")]
    NoName,
    /// Nothing tells which shard this is.
    #[error("`--shard auto`: this process is not the child of an array job of AWS Batch")]
    NoArray,
    /// When to stop would have to be known from what all shards measured.
    #[error("`precision` looks at all instances of a run, and a shard sees its own only")]
    Precision,
}

impl ShardError {
    /// The remedy.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Share(error) => error.hint(),
            Self::NoName => {
                "give all shards the same `--run NAME`, which no other run has; jobs of GitHub Actions and AWS Batch have one already"
            }
            Self::NoArray => "give the shard's number and that of all, as in `--shard 2/16`",
            Self::Precision => {
                "leave out `precision`, and plan `repeat` and `samples` for what the figures need; or leave out `--shard`"
            }
        }
    }
}
