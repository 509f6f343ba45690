//! Sizes and times for people.

use jiff::Timestamp;

/// A measured size for people; a negative one is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a huge one is the largest there is"
)]
pub fn human_measured_bytes(bytes: f32) -> String {
    human_bytes(bytes as u64)
}

/// A size for people: `17 B`, `1.50 KiB`, `3.00 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    format!("{size:.2} {unit}")
}

/// A time for people, in UTC: `2026-11-22T19:56:04Z`.
pub fn utc_to_the_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sizes_look_alike_wherever_they_are_shown(bytes: u64, shift in 0..64_u32) {
            let bytes = bytes >> shift;
            prop_assert_eq!(human_bytes(bytes), indicatif::HumanBytes(bytes).to_string());
        }
    }
}
