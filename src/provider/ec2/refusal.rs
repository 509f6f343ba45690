//! EC2's error codes: what each means for another attempt, and what the user can do about it.

use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use crate::provider::{ProviderError, RefusalKind};

/// A row of the table: a code, or the beginning of one that ends with `*`.
type Row = (&'static str, RefusalKind, &'static str);

const CLOCK: &str = "the request was too old: set this machine's clock (NTP)";
const CREDENTIALS: &str = "the credentials are not valid: check them, and this machine's clock";
const EXPIRED: &str = "the credentials have expired: log in again";
const POLICY: &str = "give these credentials the policy of docs/aws.md, section \"IAM policy\"";
const QUOTA: &str =
    "the account's quota is used up: `collect list` shows what runs; ask AWS for more";
const CAPACITY: &str = "AWS has no such machine free just now: try another `subnet` or `ec2_instance_size`, or try later";
const BUSY: &str = "AWS is busy or throttles this account: try again later";
const ACCOUNT: &str = "AWS does not let this account launch yet: its message says why; see the account's e-mail or AWS support";
const FITTING: &str = "check `ec2_instance_size` and `ami`: not every type exists in every region, nor fits every image";

use RefusalKind::{Capacity, Duplicate, Final, InUse, NotFound, Protected, Transient};

/// Every code that is known, from EC2's reference of error codes. What is not in it is final and has no hint but its words.
const TABLE: [Row; 47] = [
    ("AccessDenied", Final, POLICY),
    ("AccessDeniedException", Final, POLICY),
    ("UnauthorizedOperation", Final, POLICY),
    ("AuthFailure", Final, CREDENTIALS),
    ("InvalidClientTokenId", Final, CREDENTIALS),
    ("SignatureDoesNotMatch", Final, CREDENTIALS),
    ("UnrecognizedClientException", Final, CREDENTIALS),
    ("ExpiredToken", Final, EXPIRED),
    ("ExpiredTokenException", Final, EXPIRED),
    ("RequestExpired", Final, CLOCK),
    ("Blocked", Final, ACCOUNT),
    (
        "OptInRequired",
        Final,
        "this account is not signed up for the region or the product: enable it in the AWS console",
    ),
    (
        "OperationNotPermitted",
        Protected,
        "switch off the termination protection of the instance in the EC2 console",
    ),
    ("PendingVerification", Final, ACCOUNT),
    (
        "InvalidAMIID.NotFound",
        NotFound,
        "images belong to one region: check `ami` and `region`",
    ),
    (
        "InvalidAMIID.Unavailable",
        InUse,
        "the image is being made or deleted: try again in some minutes",
    ),
    (
        "InvalidAMIName.Duplicate",
        Duplicate,
        "another `collect bake` makes the same image: `collect list` shows it",
    ),
    (
        "InvalidAMI*",
        Final,
        "images belong to one region: check `ami` and `region`",
    ),
    ("InvalidInstanceType*", Final, FITTING),
    (
        "InvalidInstanceID.NotFound",
        NotFound,
        "EC2 does not know the instance: it is long gone, or in another region",
    ),
    (
        "InvalidKeyPair.NotFound",
        NotFound,
        "check `keypair`, or remove it: collector does not need it",
    ),
    (
        "InvalidGroup.NotFound",
        NotFound,
        "check `security_group`: it must be in the VPC of the `subnet`",
    ),
    (
        "InvalidGroup.Duplicate",
        Duplicate,
        "a security group of that name exists already",
    ),
    (
        "InvalidGroup*",
        Final,
        "check `security_group`: it must be in the VPC of the `subnet`",
    ),
    (
        "InvalidPermission.Duplicate",
        Duplicate,
        "the security group has that rule already",
    ),
    (
        "InvalidSnapshot.NotFound",
        NotFound,
        "EC2 does not know the snapshot: it is long gone, or in another region",
    ),
    (
        "InvalidSnapshot.InUse",
        InUse,
        "its image must be deleted first: `collect reap` deletes it then",
    ),
    (
        "ConcurrentSnapshotLimitExceeded",
        Transient,
        "AWS makes only so many snapshots at a time: try again when others are complete",
    ),
    (
        "DependencyViolation",
        InUse,
        "its instances must be gone first: `collect reap` deletes it then",
    ),
    (
        "InvalidSecurityGroup*",
        Final,
        "check `security_group`: it must be in the VPC of the `subnet`",
    ),
    (
        "SecurityGroupLimitExceeded",
        Final,
        "delete groups that nobody needs; `collect reap --expired` deletes collector's own",
    ),
    ("InvalidSubnet*", Final, "check `subnet` and `region`"),
    (
        "VPCIdNotSpecified",
        Final,
        "the region has no default VPC: name a `subnet`",
    ),
    (
        "InvalidParameterValue",
        Final,
        "EC2's message names the parameter: check that key of the config",
    ),
    ("InvalidParameterCombination", Final, FITTING),
    ("Unsupported*", Final, FITTING),
    (
        "IdempotentParameterMismatch",
        Final,
        "start the run again: it gets a new token; a shard gets one with another `--run NAME` only",
    ),
    ("VcpuLimitExceeded", Final, QUOTA),
    ("InstanceLimitExceeded", Final, QUOTA),
    ("MaxSpotInstanceCountExceeded", Final, QUOTA),
    ("InsufficientInstanceCapacity", Capacity, CAPACITY),
    ("InsufficientHostCapacity", Capacity, CAPACITY),
    (
        "InsufficientFreeAddressesInSubnet",
        Capacity,
        "the subnet has no free address: try another `subnet`",
    ),
    ("InsufficientReservedInstanceCapacity", Capacity, CAPACITY),
    ("RequestLimitExceeded", Transient, BUSY),
    ("ResourceCountExceeded", Final, QUOTA),
    ("Throttling*", Transient, BUSY),
];

/// Codes of answers that leave open whether the request was carried out.
const INTERNAL_CODES: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "ServerInternal",
    "ServiceUnavailable",
    "Unavailable",
];

fn look_up(code: &str) -> (RefusalKind, Option<&'static str>) {
    TABLE
        .iter()
        .find(|(known, ..)| match known.strip_suffix('*') {
            Some(start) => code.starts_with(start),
            None => code == *known,
        })
        .map_or((Final, None), |(_, kind, hint)| (*kind, Some(*hint)))
}

/// A refusal of this code.
pub(super) fn from_code(action: &'static str, code: &str, message: &str) -> ProviderError {
    let (kind, hint) = look_up(code);
    ProviderError::Refused {
        action,
        code: code.into(),
        message: message.trim_end_matches('.').into(),
        kind,
        hint,
    }
}

/// The meaning of a failed call. A refusal is EC2's word; a request that was never sent changed nothing, nor does one that
/// only describes; anything else leaves open what was done.
pub(super) fn from_sdk_error<E, R>(action: &'static str, error: &SdkError<E, R>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    if let (SdkError::ServiceError(_), Some(code)) = (error, error.code())
        && !INTERNAL_CODES.contains(&code)
    {
        return from_code(action, code, error.message().unwrap_or("no reason given"));
    }
    let message = match (error, error.code()) {
        // The SDK's own words for these are debug output.
        (SdkError::ServiceError(_), Some(code)) => {
            format!("AWS reports trouble of its own ({code})")
        }
        (SdkError::ServiceError(_) | SdkError::ResponseError(_), _) => {
            "AWS answered, but not in a form that is understood".into()
        }
        _ => chain(error),
    };
    let read_only = action.starts_with("Describe");
    match error {
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => ProviderError::Failed {
            action,
            message,
            read_only,
        },
        _ if read_only || was_never_sent(error) => ProviderError::Unreachable { action, message },
        _ => ProviderError::Unanswered { action, message },
    }
}

/// Whether the request failed before its first byte left: no credentials, no address, no connection.
fn was_never_sent<E, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => {
            let Some(connector) = failure.as_connector_error() else {
                return false;
            };
            let mut source: Option<&(dyn Error + 'static)> = Some(connector);
            while let Some(error) = source {
                if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
                    return error.is_connect();
                }
                if error.is::<aws_credential_types::provider::error::CredentialsError>() {
                    return true;
                }
                source = error.source();
            }
            false
        }
        _ => false,
    }
}

/// An error and its causes, each said once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !parts.contains(&part) {
            parts.push(part);
        }
        source = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    use aws_sdk_ec2::error::ErrorMetadata;

    /// The error that an answer of EC2's with this code becomes.
    fn answer(action: &'static str, code: &str) -> ProviderError {
        let error = ErrorMetadata::builder()
            .code(code)
            .message("EC2's words.")
            .build();
        from_sdk_error(action, &SdkError::service_error(error, ()))
    }

    #[test]
    fn every_code_of_the_table_is_a_refusal_with_its_meaning_and_its_remedy() {
        for (code, kind, hint) in TABLE {
            let code = code.replace('*', "Something");
            let error = answer("RunInstances", &code);
            assert_eq!(
                error.to_string(),
                format!("RunInstances was refused: EC2's words ({code})")
            );
            assert_eq!(
                (error.refusal_kind(), error.hint()),
                (Some(kind), Some(hint))
            );
            assert_eq!(error.is_transient(), kind == Transient, "{code}");
            assert!(!error.may_have_taken_effect(), "{code}");
        }
        let unheard_of = answer("RunInstances", "Unheard.Of");
        assert_eq!(unheard_of.refusal_kind(), Some(Final));
        assert_eq!(unheard_of.hint(), None);
    }

    #[test]
    fn trouble_of_aws_itself_leaves_open_what_a_change_did() {
        for code in INTERNAL_CODES {
            let error = answer("RunInstances", code);
            assert!(error.is_transient() && error.may_have_taken_effect());
            assert!(error.to_string().contains(code), "{error}");
            assert!(error.hint().is_some_and(|hint| !hint.contains("network")));
            assert!(!answer("DescribeVpcs", code).may_have_taken_effect());
        }
    }

    #[test]
    fn no_row_hides_another() {
        for (index, (code, ..)) in TABLE.iter().enumerate() {
            let first = TABLE.iter().position(|(known, ..)| {
                known
                    .strip_suffix('*')
                    .is_some_and(|start| code.starts_with(start))
                    || known == code
            });
            assert_eq!(first, Some(index), "{code}");
        }
    }
}
