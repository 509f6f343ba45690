//! The seam to whoever rents out machines.

mod access;
#[cfg_attr(not(feature = "ec2"), path = "provider/ec2/absent.rs")]
pub mod ec2;
pub mod identity;
mod image;
pub mod local;

use jiff::Timestamp;

pub use access::{Access, InstanceAccess, Login};
pub use image::Images;

use crate::instance::{
    Dollars, Found, FoundResource, Instance, InstanceId, InstanceState, LaunchRequest, LeaseToken,
    Owner, Resource,
};
use crate::object_store::{ObjectStore, StoreError};
use crate::records::Ec2Facts;
use crate::remote_host::RemoteHost;
use crate::shell::{Shell, ShellError};

/// Finds and terminates whatever was made under a lease, whoever made it.
pub trait Sweep {
    /// `ec2` or `local`.
    fn name(&self) -> &'static str;

    /// The region in which it rents out.
    fn region(&self) -> &str;

    /// The account that pays, where there is one: a lease of another account cannot be judged without it.
    fn account(&self) -> Option<&str> {
        None
    }

    /// Terminates the instances in one request. Returns those of which it is confirmed that billing has stopped, also when
    /// they are long gone; the others may be asked for again.
    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError>;

    /// The living instances of an owner.
    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError>;

    /// The state of each instance, in one request. Safe to drop.
    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError>;

    /// The price of an hour of an instance that was found or whose state was told; `None` where it costs nothing, or
    /// nobody tells. Safe to drop.
    async fn price(&self, id: &InstanceId) -> Option<Dollars> {
        let _ = id;
        None
    }

    /// The resources of an owner that are no instances.
    async fn find_resources(&self, owner: &Owner) -> Result<Vec<FoundResource>, ProviderError> {
        let _ = owner;
        Ok(Vec::new())
    }

    /// Deletes a resource; `false` while something still uses it. One that is gone already is deleted.
    async fn delete(&self, resource: &Resource) -> Result<bool, ProviderError> {
        let _ = resource;
        Ok(true)
    }
}

/// Rents instances out and takes them back.
pub trait Provider: Sweep + Images {
    /// A way to launch: everything that was looked up for it.
    type Candidate;

    /// A shell on one of its instances.
    type Shell: Shell;

    /// Its store of archives.
    type Store: ObjectStore;

    /// Looks up everything that a launch needs; candidates in the order in which they are to be tried, and what the user
    /// should know about them. Changes nothing; safe to drop.
    async fn resolve(&self) -> Result<Resolved<Self::Candidate>, ProviderError>;

    /// Makes what the launch needs besides instances, tagged with the lease. It costs nothing. Safe to drop: what was
    /// made is found by its lease.
    async fn prepare(
        &self,
        candidate: &mut Self::Candidate,
        request: &LaunchRequest,
    ) -> Result<(), ProviderError> {
        let _ = (candidate, request);
        Ok(())
    }

    /// Rents instances in one call, tagged from their first moment; from then on they cost money. Asked again with the
    /// same lease it returns the same instances.
    ///
    /// Never dropped half-way by its caller while there is time: an answer that is not waited for is an instance forgotten.
    async fn launch(
        &self,
        candidate: &Self::Candidate,
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError>;

    /// Opens a shell on an instance that runs. Safe to drop.
    async fn connect(
        &self,
        instance: &Instance,
        lease: &LeaseToken,
    ) -> Result<RemoteHost<Self::Shell>, ShellError>;

    /// The facts about an instance that are not of the machine, where it is rented. Safe to drop.
    async fn facts(&self, instance: &Instance, lease: &LeaseToken) -> Option<Ec2Facts> {
        let _ = (instance, lease);
        None
    }

    /// The way back to an instance, where there is one for another process.
    fn access(&self, instance: &Instance) -> Option<InstanceAccess> {
        let _ = instance;
        None
    }

    /// The store that also gets the archives, where the config names one.
    fn store(&self) -> Option<&Self::Store> {
        None
    }

    /// Has an instance that was connected to before end itself at `until`, and no later than it would have; once that is
    /// confirmed, its tag says so, too. Safe to drop.
    async fn keep(&self, id: &InstanceId, until: Timestamp) -> Result<(), ShellError> {
        let _ = (id, until);
        Err(ShellError::Command {
            what: "setting its timer",
            reason: "this provider cannot".into(),
        })
    }

    /// Tells an instance that was connected to before to power itself off, which ends it without the provider's consent.
    /// Returns whether it was told. Safe to drop.
    async fn power_off(&self, id: &InstanceId) -> bool {
        let _ = id;
        false
    }
}

/// The answer to [`Provider::resolve`].
#[derive(Debug)]
pub struct Resolved<C> {
    /// The ways to launch, best first; one at least.
    pub candidates: Vec<C>,
    /// Things that the config asks for and that are not as it says, but do not hinder the launch.
    pub warnings: Vec<String>,
}

/// Why a provider did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// This program was built without the feature `ec2`.
    #[error("this build of collector has no EC2")]
    NotBuilt,
    /// No region is configured anywhere.
    #[error("no AWS region is configured")]
    NoRegion,
    /// No credentials were found, or they cannot be used.
    #[error("no usable AWS credentials: {0}")]
    NoCredentials(String),
    /// The credentials end before the run may.
    #[error("the AWS credentials end at {end}, but the run may last until {planned}")]
    Expiring {
        /// When they end.
        end: Timestamp,
        /// When the run ends at the latest.
        planned: Timestamp,
    },
    /// AWS does not let the job assume the role.
    #[error("the role {arn} cannot be assumed: {message}")]
    Role {
        /// The role.
        arn: String,
        /// Why not.
        message: String,
    },
    /// The job has no identity to assume a role with.
    #[error("`role-to-assume` needs the job's ID token, but this job can have none")]
    NoIdToken,
    /// The provider answered, and the answer is no.
    #[error("{action} was refused: {message} ({code})")]
    Refused {
        /// The call.
        action: &'static str,
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
        /// The meaning of the refusal for another attempt.
        kind: RefusalKind,
        /// The remedy.
        hint: Option<&'static str>,
    },
    /// The provider answered, but with a failure of its own or in a form that is not understood: unless the call only
    /// describes, it may have been carried out.
    #[error("{action} failed: {message}")]
    Failed {
        /// The call.
        action: &'static str,
        /// The failure.
        message: String,
        /// The call only describes.
        read_only: bool,
    },
    /// There is no connection to a region, and no region of that name is known.
    #[error("{action} did not get through: no AWS region is named `{region}`{nearest}")]
    UnknownRegion {
        /// The call.
        action: &'static str,
        /// The name.
        region: String,
        /// The nearest known name, as a question.
        nearest: String,
    },
    /// The request was never sent, or it changes nothing.
    #[error("{action} did not get through: {message}")]
    Unreachable {
        /// The call.
        action: &'static str,
        /// The failure.
        message: String,
    },
    /// No answer, or none that can be understood: what was asked may have been done.
    #[error("{action} got no answer: {message}")]
    Unanswered {
        /// The request.
        action: &'static str,
        /// The failure.
        message: String,
    },
    /// The store of archives cannot be used.
    #[error(transparent)]
    Store(StoreError),
    /// The instance ended by itself, or somebody else ended it.
    #[error("instance {id} went to `{state}`: {reason}")]
    InstanceGone {
        /// The instance.
        id: InstanceId,
        /// Its state.
        state: String,
        /// The provider's reason.
        reason: String,
    },
    /// A wait ran out of time.
    #[error("instance {id} was not {what} within {seconds} s")]
    TooSlow {
        /// The instance.
        id: InstanceId,
        /// The state that was waited for.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// A security group of that name does not exist, or there are several.
    #[error("{found} security groups are named `{name}`{scope}")]
    SecurityGroup {
        /// The name in the config.
        name: String,
        /// The number of groups.
        found: usize,
        /// Where was looked.
        scope: String,
    },
    /// A temporary group needs to know whom to let in.
    #[error("the public address of this machine is not known: {reason}")]
    NoPublicAddress {
        /// The failure of the look-up.
        reason: String,
    },
    /// This provider keeps no images.
    #[error("this provider keeps no images")]
    NoImages,
    /// An instance is not fit to be copied, or no copy came of it.
    #[error("no image came of {what}: {reason}")]
    NoImage {
        /// The instance or the image.
        what: String,
        /// Why not.
        reason: String,
    },
    /// There is no VPC to launch into.
    #[error("there is no VPC for the instance in {region}")]
    NoVpc {
        /// The region.
        region: String,
    },
    /// The instance has no address of the kind that was asked for.
    #[error("instance {id} has no {kind} address")]
    NoAddress {
        /// The instance.
        id: InstanceId,
        /// `public` or `private`.
        kind: &'static str,
    },
    /// Something on this machine failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// The task.
        action: &'static str,
        /// Where.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The lease could not be recorded, so nothing was launched.
    #[error("the lease could not be recorded in {path}: {source}")]
    Unrecorded {
        /// The file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is a record of the lease, so nothing was launched.
    #[error("the lease is on record already, in {path}")]
    AlreadyLeased {
        /// The file.
        path: String,
    },
}

/// The meaning of a refusal for another attempt of the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It will not change by itself.
    Final,
    /// There is no such machine free just now: another candidate may do.
    Capacity,
    /// The provider is busy; nothing was done.
    Transient,
    /// There is no such thing, or none yet.
    NotFound,
    /// It was made a moment ago, and will show.
    NotYetVisible,
    /// It is there already: an earlier attempt was carried out.
    Duplicate,
    /// Something else still uses it.
    InUse,
    /// One of several is protected against it, and the request was refused for all.
    Protected,
}

impl ProviderError {
    /// Whether what was asked for may have been done in spite of the error.
    pub const fn may_have_taken_effect(&self) -> bool {
        matches!(
            self,
            Self::Unanswered { .. }
                | Self::Io { .. }
                | Self::Failed {
                    read_only: false,
                    ..
                }
        )
    }

    /// The meaning of the refusal, where the provider refused.
    pub const fn refusal_kind(&self) -> Option<RefusalKind> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// Whether the same call may do better a little later.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unanswered { .. }
                | Self::Failed { .. }
                | Self::Unreachable { .. }
                | Self::Refused {
                    kind: RefusalKind::Transient | RefusalKind::NotYetVisible,
                    ..
                }
        )
    }

    /// The remedy.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotBuilt => {
                "build it with its default features (`cargo build --release`); a run with `--local` is a rehearsal and needs no EC2"
            }
            Self::NoRegion => {
                "add `region:` to `main`, or set AWS_REGION, or a region in the AWS profile"
            }
            Self::NoCredentials(_) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with AWS_PROFILE, or log in with `aws sso login`; in GitHub Actions, `role-to-assume` names a role that the job may assume; a run with `--local` is a rehearsal and needs no account"
            }
            Self::Expiring { .. } => {
                "in GitHub Actions, `role-to-assume` gives a run credentials that are renewed; otherwise use longer ones, or give every step a `timeout` or the config a shorter `max_lifetime`"
            }
            Self::Role { .. } => {
                "check the ARN, and the role's trust policy: its condition on `sub` must fit this repository, in the form that docs/github-actions.md, section \"Credentials\", shows; `role-duration` must not be longer than the role allows"
            }
            Self::NoIdToken => {
                "add `id-token: write` to the job's `permissions:`; pull requests from forks never get an ID token"
            }
            Self::Refused { hint, .. } => return *hint,
            Self::Store(error) => return error.hint(),
            Self::Unreachable { .. } => {
                "check `region`, the network, the proxy and AWS_ENDPOINT_URL"
            }
            Self::Failed { .. } => {
                "the trouble is on AWS's side: try again later; https://health.aws.amazon.com tells of outages"
            }
            Self::UnknownRegion { .. } => {
                "correct `region` in the config, `--region` or AWS_REGION"
            }
            Self::Unanswered { .. } => {
                "check the network and AWS_ENDPOINT_URL; `collect list` shows what is left, `collect reap` ends it"
            }
            Self::InstanceGone { .. } => {
                "the reason is EC2's own; try another instance type or image"
            }
            Self::TooSlow { .. } => {
                "look at the instance's console output; a larger instance type boots faster"
            }
            Self::SecurityGroup { .. } => "give the id of the one that is meant (`sg-…`)",
            Self::NoPublicAddress { .. } => {
                "give the networks that may connect as `ssh_from:`, for example `203.0.113.7/32`, or the id of a `security_group`"
            }
            Self::NoVpc { .. } => {
                "name a `subnet`, or make a default VPC: `aws ec2 create-default-vpc`"
            }
            Self::NoAddress { .. } => {
                "set `address: auto`, or a `subnet` that assigns such addresses"
            }
            Self::Io { .. } | Self::NoImages | Self::NoImage { .. } => return None,
            Self::AlreadyLeased { .. } => {
                "this shard is at work on this machine, or was killed: `collect list` shows it, `collect reap` ends it; `--run NAME` with another name begins anew"
            }
            Self::Unrecorded { .. } => {
                "make that directory writable, or point COLLECTOR_STATE_DIR elsewhere: nothing is rented before its lease is on disk"
            }
        })
    }
}
