//! Student's t and the polygamma functions: the probabilities and moments that the other files need.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma;

/// The degrees of freedom from which Student's t is taken as normal: the difference is below a part in ten thousand.
const NORMAL_FREEDOM: f64 = 1e4;

/// Student's t distribution (Student 1908) with a number of degrees of freedom that may be broken.
fn student(freedom: f64) -> Option<StudentsT> {
    let freedom = if freedom > NORMAL_FREEDOM {
        f64::INFINITY
    } else {
        freedom
    };
    StudentsT::new(0.0, 1.0, freedom).ok()
}

/// The probability that Student's t is at least this far from 0, on either side.
pub(super) fn two_sided(t: f64, freedom: f64) -> f64 {
    match student(freedom) {
        Some(student) if t.is_finite() => (2.0 * student.sf(t.abs())).clamp(0.0, 1.0),
        Some(_) if t.is_infinite() => 0.0,
        _ => 1.0,
    }
}

/// The value that Student's t exceeds with this probability, which must be within (0, ½].
pub(super) fn upper_quantile(probability: f64, freedom: f64) -> Option<f64> {
    if !(probability > 0.0 && probability <= 0.5) {
        return None;
    }
    let student = student(freedom)?;
    if freedom > NORMAL_FREEDOM {
        return Normal::standard().inverse_cdf(1.0 - probability).into();
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while student.sf(high) > probability {
        low = high;
        high *= 4.0;
        if !high.is_finite() {
            return None;
        }
    }
    // Newton's steps on the logarithms, where the tail is nearly straight; a step that leaves the bracket is halved to it.
    let mut quantile = f64::midpoint(low, high);
    for _ in 0..200 {
        let tail = student.sf(quantile);
        if tail > probability {
            low = quantile;
        } else {
            high = quantile;
        }
        let slope = quantile * student.pdf(quantile) / tail;
        let step = quantile * ((tail / probability).ln() / slope).exp();
        let next = if step > low && step < high {
            step
        } else {
            f64::midpoint(low, high)
        };
        let done = (next - quantile).abs() <= 1e-9 * next;
        quantile = next;
        if done {
            break;
        }
    }
    Some(quantile)
}

/// The mean of the logarithm of a variance estimated with so many degrees of freedom, where the true one is 1
/// (Smyth 2004, section 6.2).
pub(super) fn mean_of_log_variance(freedom: f64) -> f64 {
    if freedom > NORMAL_FREEDOM {
        return 0.0;
    }
    gamma::digamma(freedom / 2.0) - (freedom / 2.0).ln()
}

/// The variance of that logarithm.
pub(super) fn variance_of_log_variance(freedom: f64) -> f64 {
    trigamma(freedom / 2.0)
}

/// The second derivative of the logarithm of the gamma function (Abramowitz & Stegun 1964, 6.4.6 and 6.4.12).
fn trigamma(x: f64) -> f64 {
    let mut sum = 0.0;
    let mut x = x;
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y / 30.0)));
    sum + 1.0 / x + y / 2.0 + series / x
}

/// The degrees of freedom of a variance whose logarithm varies by this much: infinite where it does not.
pub(super) fn freedom_of_log_variance(variance: f64) -> f64 {
    let target = variance.max(0.0);
    let (mut low, mut high) = (1e-3_f64, 2.0 * NORMAL_FREEDOM);
    if variance_of_log_variance(high) >= target {
        return f64::INFINITY;
    }
    if variance_of_log_variance(low) <= target {
        return 0.0;
    }
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if variance_of_log_variance(middle) > target {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low * high).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let cases = [
            (0.025, 1.0, 12.7062),
            (0.025, 2.0, 4.302_65),
            (0.025, 4.0, 2.776_45),
            (0.0005, 7.0, 5.407_88),
            (0.025, 1e9, 1.959_96),
            (0.000_01, 2.0, 223.603),
        ];
        for (probability, freedom, expected) in cases {
            let quantile = upper_quantile(probability, freedom).unwrap();
            assert!(
                (quantile / expected - 1.0).abs() < 1e-5,
                "{quantile} {expected}"
            );
            let back = two_sided(quantile, freedom);
            assert!((back / (2.0 * probability) - 1.0).abs() < 1e-4);
        }
        for outside in [0.0, -1.0, 0.6, f64::NAN] {
            assert_eq!(upper_quantile(outside, 2.0), None);
        }
        assert_eq!(upper_quantile(0.1, 0.0), None);
    }

    #[test]
    fn probabilities_of_what_is_not_a_number_are_one() {
        assert!((two_sided(f64::NAN, 2.0) - 1.0).abs() < f64::EPSILON);
        assert!((two_sided(1.0, f64::NAN) - 1.0).abs() < f64::EPSILON);
        assert!(two_sided(f64::INFINITY, 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn trigamma_has_its_known_values_and_its_inverse() {
        let sixth = std::f64::consts::PI.powi(2) / 6.0;
        assert!((trigamma(1.0) - sixth).abs() < 1e-9);
        assert!((trigamma(0.5) - 3.0 * sixth).abs() < 1e-9);
        for freedom in [0.5, 2.0, 7.0, 90.0] {
            let back = freedom_of_log_variance(variance_of_log_variance(freedom));
            assert!((back / freedom - 1.0).abs() < 1e-6);
        }
        assert!(freedom_of_log_variance(0.0).is_infinite());
    }
}
