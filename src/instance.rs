//! The rented machine: its names, its request and its facts.

mod price;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::revision::Revision;

pub use price::Dollars;

/// The region of rehearsals: this machine.
pub const LOCAL_REGION: &str = "local";

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a name that the provider or collector made.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

mod image;

pub use image::{BakedImage, ImageId, ImageName, ImageState};

name_type!(
    /// The provider's name of an instance: `i-…` on EC2, `local-…` on this machine.
    InstanceId
);
name_type!(
    /// One invocation of collector; in tags, `run.json` and `COLLECTOR_RUN_ID`.
    RunId
);
name_type!(
    /// One launch call: EC2's `ClientToken` and the tag that finds its instances again. At most 64 ASCII characters.
    LeaseToken
);

impl InstanceId {
    /// Whether it stands for this machine, in a rehearsal.
    pub fn is_local(&self) -> bool {
        self.0.starts_with("local-")
    }

    /// Where the AWS console shows this instance; none where it stands for this machine.
    pub fn console_url(&self, region: &str) -> Option<String> {
        console_url(region, &format!("InstanceDetails:instanceId={self}"))
    }
}

impl LeaseToken {
    /// Where the AWS console shows the instance of this rental; none where that is this machine.
    pub fn console_url(&self, region: &str) -> Option<String> {
        console_url(region, &format!("Instances:tag:collector:lease={self}"))
    }
}

fn console_url(region: &str, page: &str) -> Option<String> {
    (region != LOCAL_REGION)
        .then(|| format!("https://{region}.console.aws.amazon.com/ec2/home?region={region}#{page}"))
}

impl RunId {
    /// A run id that sorts by time and that no other run has.
    pub fn generate(now: Timestamp) -> Self {
        let nonce: u32 = rand::random();
        Self(format!("{}-{nonce:08x}", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The lease of this run's n-th launch call.
    pub fn lease(&self, launch: u32) -> LeaseToken {
        LeaseToken(format!("{self}-{launch}"))
    }
}

/// Everything that one launch needs, in one value, so that it can be one call.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// Identifies the rental, also to find it when the answer is lost.
    pub lease: LeaseToken,
    /// The run that pays for it.
    pub run: RunId,
    /// The revision.
    pub revision: Revision,
    /// The instance ends itself after this.
    pub max_lifetime: Duration,
    /// When `reap --expired` may end it.
    pub expires_at: Timestamp,
    /// The number of instances; fewer may come.
    pub count: NonZeroU32,
    /// The image to launch from, in place of the config's.
    pub image: Option<ImageId>,
}

/// A resource of a lease beside its instances that is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A temporary security group, by its id.
    SecurityGroup(String),
    /// An image, by its id.
    Image(String),
    /// The snapshot of a volume, by its id.
    Snapshot(String),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityGroup(id) => write!(f, "security group {id}"),
            Self::Image(id) => write!(f, "image {id}"),
            Self::Snapshot(id) => write!(f, "snapshot {id}"),
        }
    }
}

/// The state of an instance, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceState {
    /// It is being started, or the provider does not know of it yet.
    Pending,
    /// It runs and has an address.
    Running(Instance),
    /// It is over, or about to be: it costs nothing any more.
    Gone {
        /// The provider's word for its state.
        state: String,
        /// The provider's reason.
        reason: String,
    },
}

/// An instance that can be worked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The address that it is reached under.
    pub address: String,
    /// The provider's region; `local` on this machine.
    pub region: String,
    /// The instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The image that it was started from, as resolved by the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The zone that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether others may be on the same hardware, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy: Option<String>,
    /// The price of an hour on demand, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<Dollars>,
}

/// Which instances to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Those of this lease.
    Lease(LeaseToken),
    /// All of this run.
    Run(RunId),
    /// Every instance that collector launched.
    Anyone,
}

/// A resource that carries collector's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundResource {
    /// The resource.
    pub resource: Resource,
    /// The launch call that it was made for.
    pub lease: Option<LeaseToken>,
    /// When it may be reaped; `None` when its tag is missing or unreadable.
    pub expires_at: Option<Timestamp>,
}

/// A living instance that carries collector's tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its id.
    pub id: InstanceId,
    /// Where it is.
    pub region: String,
    /// The rental.
    pub lease: Option<LeaseToken>,
    /// The run that launched it.
    pub run: Option<RunId>,
    /// The revision that it measures.
    pub revision: Option<String>,
    /// When it may be reaped; `None` when its tag is missing or unreadable.
    pub expires_at: Option<Timestamp>,
    /// The provider's word for its state.
    pub state: String,
    /// The instance type, where it has one.
    pub instance_type: Option<String>,
    /// The address that it is reached under from outside, else from within its network.
    pub address: Option<String>,
    /// When it was launched.
    pub launched_at: Option<Timestamp>,
}

impl Found {
    /// Whether its time is over at `now`. An unreadable tag never expires: it is for a person to judge.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_fits_a_client_token() {
        let run = RunId::generate(Timestamp::now());
        let lease = run.lease(u32::MAX);
        assert!(lease.as_str().len() <= 64 && lease.as_str().is_ascii());
        assert_ne!(run, RunId::generate(Timestamp::now()));
    }
}
