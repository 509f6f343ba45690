//! The part of a run that one of several processes measures, on whichever machines they are.
//!
//! It is a function of the plan alone: the samples in blocks of equal size, those of the first shards one larger where that
//! does not come out even. The numbers stay those of the whole run, and with them everything that is drawn for a sample, so
//! that shards need not talk to each other and give together what a single process would.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::plural;
use crate::instance::RunId;

/// The most samples that one process measures.
pub const MAX_SAMPLES_OF_SHARD: u32 = 256;

/// The longest name that a sharded run may have, in characters: with the rest of a token, EC2 takes 64.
const MAX_NAME: usize = 32;

/// The hexadecimal digits of the plan's digest in the id of a shard.
const PLAN_DIGITS: usize = 8;

/// One of the processes that share a run, as `2/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number, from 1.
    pub number: NonZeroU32,
    /// The number of shards.
    pub of: NonZeroU32,
}

impl Shard {
    /// A run that is not shared.
    pub const WHOLE: Self = Self {
        number: NonZeroU32::MIN,
        of: NonZeroU32::MIN,
    };

    /// The shard of this number, from 1, among so many.
    ///
    /// # Errors
    /// When there is no such shard, in words.
    pub fn new(number: u32, of: u32) -> Result<Self, String> {
        match (NonZeroU32::new(number), NonZeroU32::new(of)) {
            (Some(number), Some(of)) if number <= of => Ok(Self { number, of }),
            (Some(_), Some(_)) => Err(format!("there is no shard {number} of {of}")),
            _ => Err("shards are counted from 1".into()),
        }
    }

    /// Whether there are others.
    pub const fn has_others(self) -> bool {
        self.of.get() > 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "is not of the form `2/16`: a number, from 1, and that of the shards";
        let (number, of) = text.split_once('/').ok_or(FORM)?;
        let count = |text: &str| text.trim().parse::<u32>().map_err(|_| FORM);
        Self::new(count(number)?, count(of)?)
    }
}

/// Why a run cannot be divided like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// A shard would have nothing to measure.
    #[error("{of} shards are too many for {}", plural(usize::try_from(samples.get()).unwrap_or(usize::MAX), "sample"))]
    Empty {
        /// The number of shards.
        of: NonZeroU32,
        /// The samples of the run.
        samples: NonZeroU32,
    },
    /// One process would have more than it can carry.
    #[error("{0} samples are more than one process measures, {MAX_SAMPLES_OF_SHARD}")]
    TooLarge(NonZeroU32),
}

impl ShareError {
    /// The remedy.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty { .. } => "use as many shards as samples at most, or more samples",
            Self::TooLarge(_) => {
                "`--shard i/n` divides the run among n processes; docs/scale.md has the recipes"
            }
        }
    }
}

/// The samples of a shard, which are consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The shard.
    #[serde(flatten)]
    pub shard: Shard,
    /// The samples of the whole run.
    pub samples: NonZeroU32,
}

impl Share {
    /// The part that a shard measures of so many samples.
    ///
    /// # Errors
    /// When that is nothing, or too much.
    pub fn new(shard: Shard, samples: NonZeroU32) -> Result<Self, ShareError> {
        let of = shard.of;
        if of > samples {
            return Err(ShareError::Empty { of, samples });
        }
        let this = Self { shard, samples };
        match NonZeroU32::new(this.count()) {
            Some(count) if count.get() > MAX_SAMPLES_OF_SHARD => Err(ShareError::TooLarge(count)),
            _ => Ok(this),
        }
    }

    /// The number of the first sample.
    pub const fn first(self) -> u32 {
        let Self {
            shard: Shard { number, of },
            samples,
        } = self;
        let (before, over) = (number.get() - 1, samples.get() % of.get());
        let larger = if before < over { before } else { over };
        before * (samples.get() / of.get()) + larger + 1
    }

    /// The number after that of the last sample.
    pub const fn end(self) -> u32 {
        self.first() + self.count()
    }

    /// The number of samples.
    pub const fn count(self) -> u32 {
        let Shard { number, of } = self.shard;
        let over = self.samples.get() % of.get();
        self.samples.get() / of.get() + if number.get() <= over { 1 } else { 0 }
    }
}

/// The name that all shards of a run have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName(String);

impl FromStr for RunName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || !text.chars().all(plain) {
            return Err("is not made of letters, digits and hyphens");
        }
        if text.len() > MAX_NAME {
            return Err("is longer than 32 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

impl RunName {
    /// The id of a shard. `plan` tells runs of one name apart, and the attempts at a shard: EC2 gives a token to one launch only.
    pub fn id(&self, shard: Shard, plan: &[&str]) -> RunId {
        let digest = hex::encode(self.digest("id", plan));
        let digest = digest.get(..PLAN_DIGITS).unwrap_or_default();
        let width = shard.of.to_string().len();
        let Shard { number, of } = shard;
        // Padded, so that shards sort in the order of their samples.
        RunId::new(format!("{}-{digest}-{number:0width$}of{of}", self.0))
    }

    /// The seed of the turns of all shards.
    pub fn seed(&self, plan: &[&str]) -> u64 {
        let digest = self.digest("seed", plan);
        let bytes = digest.iter().take(8);
        bytes.fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// A digest of what cannot be confused: each part has its length in front.
    fn digest(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        let parts = [purpose, &self.0].into_iter().chain(parts.iter().copied());
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(shard: Shard, samples: u32) -> Result<Share, ShareError> {
        Share::new(shard, NonZeroU32::new(samples).unwrap())
    }

    proptest! {
        #[test]
        fn the_shards_have_every_sample_once_in_order(of in 1_u32..50, more in 0_u32..200) {
            let samples = of + more;
            let mut next = 1;
            let mut counts = Vec::new();
            for number in 1..=of {
                let share = share(Shard::new(number, of).unwrap(), samples).unwrap();
                prop_assert_eq!(share.first(), next);
                next = share.end();
                counts.push(share.count());
            }
            prop_assert_eq!(next, samples + 1);
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_shard_is_a_number_from_1_and_that_of_all() {
        assert_eq!("2/16".parse(), Shard::new(2, 16));
        assert_eq!(Shard::new(2, 16).unwrap().to_string(), "2/16");
        for text in ["0/2", "1/0", "3/2", "1", "", "1/2/3", "-1/2", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_shard_is_empty_and_none_is_larger_than_a_process() {
        let shard = |text: &str| text.parse().unwrap();
        let empty = share(shard("1/3"), 2).unwrap_err();
        assert_eq!(empty.to_string(), "3 shards are too many for 2 samples");
        assert_eq!(share(Shard::WHOLE, 256).unwrap().count(), 256);
        assert!(matches!(
            share(Shard::WHOLE, 257),
            Err(ShareError::TooLarge(_))
        ));
        assert_eq!(share(shard("2/2"), 257).unwrap().count(), 128);
    }

    #[test]
    fn an_id_is_that_of_a_name_a_plan_and_a_shard_and_fits_every_token() {
        let name: RunName = "a".repeat(MAX_NAME).parse().unwrap();
        let last = Shard::new(10_000, 10_000).unwrap();
        let id = name.id(last, &["plan"]);
        assert_eq!(id, name.id(last, &["plan"]));
        assert!(id.lease(10_000).as_str().len() <= 64, "{id}");
        // A session of a role is named after the run.
        assert!(format!("collector-{id}").len() <= 64, "{id}");
        let of = |number| name.id(Shard::new(number, 10).unwrap(), &["plan"]);
        assert!(of(2) < of(10), "they sort in the order of their samples");
        assert_ne!(name.id(last, &["ab", "c"]), name.id(last, &["a", "bc"]));
        assert_ne!(name.seed(&["v1"]), name.seed(&["v2"]));
        for text in ["", "a_b", "a*", &"a".repeat(MAX_NAME + 1)] {
            assert!(text.parse::<RunName>().is_err(), "{text}");
        }
    }
}
