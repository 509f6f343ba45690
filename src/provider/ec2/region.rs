//! The regions of AWS, to tell a mistyped name from a network that is down.

use crate::provider::ProviderError;

/// The regions that are known. Another one may be new: it is used all the same, and named only when nothing answers there.
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// The largest distance at which a name is taken for a mistyped one.
const MAX_DISTANCE: usize = 3;

/// The nearest known name of a region that is not known; `None` where none is near.
fn nearest(region: &str) -> Option<&'static str> {
    REGIONS
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, region), known))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .min()
        .map(|(_, known)| known)
}

/// Blames the name of the region where there is no connection and the name is not known.
pub(super) fn suspect_region(error: ProviderError, region: &str) -> ProviderError {
    match error {
        ProviderError::Unreachable { action, .. } if !REGIONS.contains(&region) => {
            ProviderError::UnknownRegion {
                action,
                region: region.to_owned(),
                nearest: nearest(region)
                    .map(|known| format!("; did you mean `{known}`?"))
                    .unwrap_or_default(),
            }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ProviderError {
        ProviderError::Unreachable {
            action: "DescribeVpcs",
            message: "dns error".into(),
        }
    }

    #[test]
    fn a_mistyped_region_gets_the_nearest_name() {
        for (typed, meant) in [
            ("eu-centrl-1", "did you mean `eu-central-1`?"),
            ("us-eats-1", "did you mean `us-east-1`?"),
            ("eu-west1", "did you mean `eu-west-1`?"),
        ] {
            let said = suspect_region(unreachable(), typed).to_string();
            assert!(said.contains(typed) && said.contains(meant), "{said}");
        }
        let said = suspect_region(unreachable(), "frankfurt").to_string();
        assert!(
            said.ends_with("no AWS region is named `frankfurt`"),
            "{said}"
        );
    }

    #[test]
    fn a_region_that_exists_is_not_blamed_for_the_network() {
        let error = suspect_region(unreachable(), "eu-west-1");
        assert!(matches!(error, ProviderError::Unreachable { .. }));
    }
}
