//! One instance whose clock has coarse steps.

use rand::RngExt as _;

use super::*;

/// The same of times.
fn times(instances: &[&[(f64, f64)]]) -> Series {
    Series {
        is_time: true,
        ..series(instances)
    }
}

#[test]
fn one_instance_is_no_surer_than_its_clock() {
    // 1.31 s and 1.34 s, and 0.1 s more in every second round, from a clock with steps of 0.1 s.
    let pairs: &[(f64, f64)] = &[(1.3, 1.3), (1.3, 1.3), (1.4, 1.4), (1.4, 1.4)];
    for table in [times(&[&pairs.repeat(2)]), times(&[&[(1.3, 1.3); 8]])] {
        let estimate = &compare(&[table])[0];
        let Interval { low, high } = estimate.interval.unwrap();
        assert_eq!(estimate.finding, Finding::NoDifference);
        assert!(low < 1.26 / 1.34 && 1.34 / 1.26 < high, "{low} {high}");
        assert!(estimate.detectable.unwrap() > 1.34 / 1.26 - 1.0);
    }
}

#[test]
fn a_step_of_the_clock_on_one_instance_is_found_and_not_measured() {
    let estimate = &compare(&[times(&[&[(1.3, 1.4); 8]])])[0];
    let Interval { low, high } = estimate.interval.unwrap();
    assert_eq!(estimate.finding, Finding::Higher);
    assert!(
        (low - 1.0).abs() < 1e-3 && 1.449 / 1.251 < high,
        "{low} {high}"
    );
}

#[test]
fn times_are_as_exact_as_they_are_printed() {
    let detectable = |series: Series| compare(&[series])[0].detectable.unwrap();
    for instances in [1, 3] {
        let of = |value: f64| -> Vec<[(f64, f64); 8]> { vec![[(value, value); 8]; instances] };
        let series =
            |value: f64| series(&of(value).iter().map(<[_; 8]>::as_slice).collect::<Vec<_>>());
        let times = |value: f64| Series {
            is_time: true,
            ..series(value)
        };
        assert!(detectable(series(7.0)) < 1e-6, "a count");
        assert!(detectable(times(1.3)) > 0.02);
        assert!(detectable(series(1.3)) > 0.02);
        assert!((2e-4..2e-2).contains(&detectable(times(130.0))));
        assert!((2e-5..2e-3).contains(&detectable(times(1.302))));
    }
}

#[test]
fn intervals_of_a_coarse_clock_on_one_instance_hold_the_ratio() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
    for (noise, pairs) in [
        (0.0, 8),
        (0.001, 8),
        (0.0018, 24),
        (0.004, 8),
        (0.004, 24),
        (0.01, 24),
    ] {
        let mut covered = 0;
        for _ in 0..200 {
            let (start, change) = (random.random::<f64>(), random.random::<f64>());
            let mut turn = |size: f64| {
                let value = size + noise * normal(&mut random);
                (value / 0.01).round() * 0.01
            };
            let (before, after) = (1.0 + 0.01 * start, 1.0 + 0.01 * (start + change));
            let pairs: Vec<_> = (0..pairs).map(|_| (turn(before), turn(after))).collect();
            let interval = compare(&[times(&[&pairs])])[0].interval.unwrap();
            covered += usize::from((interval.low..=interval.high).contains(&(after / before)));
        }
        // Order statistics alone hold between none and three quarters of them.
        assert!(covered >= 184, "{covered} of 200: {noise}, {pairs:?}");
    }
}
