//! The seam to whoever rents out machines.

pub mod ec2;
pub mod local;

use jiff::Timestamp;

use crate::instance::{Found, Instance, InstanceId, LaunchRequest, Owner};

/// Takes instances back, whoever launched them.
pub trait Reclaim {
    /// `ec2` or `local`.
    fn name(&self) -> &'static str;

    /// Where it rents out.
    fn region(&self) -> &str;

    /// Ends the instance; `Ok` once billing has stopped, also when it is long gone.
    async fn terminate(&self, id: &InstanceId) -> Result<(), ProviderError>;

    /// The living instances of an owner.
    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError>;
}

/// Rents instances out and takes them back.
pub trait Provider: Reclaim {
    /// Rents one instance in one call, tagged from its first moment. From here on it costs money.
    ///
    /// Never dropped half-way by its caller: an answer that is not waited for is an instance forgotten.
    async fn launch(&self, request: &LaunchRequest) -> Result<InstanceId, ProviderError>;

    /// Waits until the instance runs and has an address. Safe to drop.
    async fn ready(&self, id: &InstanceId) -> Result<Instance, ProviderError>;
}

/// Why a provider did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
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
        /// What was asked.
        action: &'static str,
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// No answer to a question that changes nothing.
    #[error("{action} got no answer: {message}")]
    Unreachable {
        /// What was asked.
        action: &'static str,
        /// What happened instead.
        message: String,
    },
    /// No answer, or none that can be understood: what was asked may have been done.
    #[error("{action} got no answer: {message}")]
    Unanswered {
        /// What was asked.
        action: &'static str,
        /// What happened instead.
        message: String,
    },
    /// The instance ended before it could be used.
    #[error("instance {id} went to `{state}`: {reason}")]
    Ended {
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
        /// What was waited for.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// A security group of that name does not exist, or there are several.
    #[error("{found} security groups are named `{name}`{place}")]
    SecurityGroup {
        /// The name in the config.
        name: String,
        /// How many there are.
        found: usize,
        /// Where was looked.
        place: String,
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
        /// What was tried.
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
}

impl ProviderError {
    /// Whether an instance may exist in spite of the error.
    pub fn may_have_launched(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::Io { .. } => true,
            Self::Refused { code, .. } => AFTER_A_LOST_ANSWER.contains(&code.as_str()),
            _ => false,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRegion => {
                "add `region:` to `main`, or set AWS_REGION, or a region in the AWS profile"
            }
            Self::NoCredentials(_) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with AWS_PROFILE, or log in with `aws sso login`; `--local` rehearses without an account"
            }
            Self::Expiring { .. } => {
                "in GitHub Actions, `role-to-assume` gives a run credentials that are renewed; else use longer ones, or give every step a `timeout` or the config a shorter `max_lifetime`"
            }
            Self::Role { .. } => {
                "check the ARN, and the role's trust policy: its condition on `sub` must fit this repository, in the form that the README shows under \"Credentials\"; `role-duration` must not be longer than the role allows"
            }
            Self::NoIdToken => {
                "add `id-token: write` to the job's `permissions:`; pull requests from forks never get an ID token"
            }
            Self::Refused { code, .. } => return hint_for_code(code),
            Self::Unreachable { .. } => "check the network and AWS_ENDPOINT_URL",
            Self::Unanswered { .. } => {
                "check the network and AWS_ENDPOINT_URL; `collect list` shows what is left, `collect reap` ends it"
            }
            Self::Ended { reason, .. } if reason.contains("InsufficientInstanceCapacity") => {
                CAPACITY
            }
            Self::Ended { .. } => "the reason is EC2's own; try another instance type or image",
            Self::TooSlow { .. } => {
                "look at the instance's console output; a larger instance type boots faster"
            }
            Self::SecurityGroup { found: 0, .. } => {
                "create the group with `ssh_port` open to this machine, or give the id of one that exists (`sg-…`)"
            }
            Self::SecurityGroup { .. } => "give the id of the one that is meant (`sg-…`)",
            Self::NoAddress { .. } => {
                "set `address: auto`, or a `subnet` that assigns such addresses"
            }
            Self::Io { .. } => return None,
            Self::Unrecorded { .. } => {
                "make that directory writable, or point COLLECTOR_STATE_DIR elsewhere: nothing is rented before its lease is on disk"
            }
        })
    }
}

/// Codes that say nothing about an earlier attempt of the same call: its answer may have been lost before.
const AFTER_A_LOST_ANSWER: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalFailure",
    "RequestExpired",
    "RequestLimitExceeded",
    "ServerInternal",
    "ServiceUnavailable",
    "Throttling",
];

const CAPACITY: &str =
    "AWS has no such machine free just now: try another `subnet`, another instance type, or later";

fn hint_for_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            "give these credentials the policy in the README, section \"IAM policy\""
        }
        "AuthFailure"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => {
            "the credentials are not valid: check them, and the clock"
        }
        "RequestExpired" | "ExpiredToken" | "ExpiredTokenException" => {
            "the credentials have expired: log in again"
        }
        code if code.starts_with("InvalidAMI") => {
            "images belong to one region: check `ami` and `region`"
        }
        "InvalidKeyPair.NotFound" => "check `keypair`, or remove it: collector does not need it",
        code if code.starts_with("InvalidGroup") || code.starts_with("InvalidSecurityGroup") => {
            "check `security_group`: it must be in the VPC of the `subnet`"
        }
        code if code.starts_with("InvalidSubnet") => "check `subnet` and `region`",
        "InvalidParameterValue" | "Unsupported" | "InvalidParameterCombination" => {
            "check `ec2_instance_size`: not every type exists in every region or fits every image"
        }
        "InsufficientInstanceCapacity" => CAPACITY,
        "VcpuLimitExceeded" | "InstanceLimitExceeded" | "MaxSpotInstanceCountExceeded" => {
            "the account's quota is used up: `collect list` shows what runs; ask AWS for more"
        }
        "RequestLimitExceeded" | "Throttling" => "AWS throttles this account: try again later",
        _ => return None,
    })
}
