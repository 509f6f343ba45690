//! Precision: how narrow the intervals of a table are, and how many instances would make them as narrow as is asked for.
//! Both look at widths only, never at where an interval lies, so that going on until they are narrow favours no finding.

use super::distributions::upper_quantile;
use super::pairs::count;
use super::{Doubt, Evidence, Sampling, Series, UNTIL_PRECISE, gather};

/// No more instances are reckoned with.
const MOST_INSTANCES: usize = 1000;

/// Half of the widest interval of a table, as a fraction of its ratio. Infinite where a figure has complete rounds, but too
/// few of them for an interval; none where no figure has any.
pub fn half_width(table: &[Series]) -> Option<f64> {
    let widths = judged(table).map(|evidence| match evidence {
        Some(evidence) => evidence.half_width(),
        None => f64::INFINITY,
    });
    widths.reduce(f64::max)
}

/// The instances with which every interval of a table is expected to be as narrow as this, half of it as a fraction of its
/// ratio: as many as there are where all are, and one more at least where one is not.
pub fn instances_for(table: &[Series], half_width: f64) -> usize {
    let measured = table.iter().map(|series| {
        let instances = series.instances.iter();
        instances.filter(|rounds| !rounds.is_empty()).count()
    });
    let fewest = measured.max().unwrap_or(0) + 1;
    let needed = judged(table).map(|evidence| match evidence {
        Some(evidence) if evidence.half_width() <= half_width => evidence.instances,
        Some(evidence) => evidence.instances_for(half_width).max(fewest),
        None => fewest,
    });
    needed.max().unwrap_or(0)
}

/// The evidence of the figures that have any complete round; none of those that have too few.
fn judged(table: &[Series]) -> impl Iterator<Item = Option<Evidence>> {
    let rows = table.iter().zip(gather(table, UNTIL_PRECISE));
    rows.filter_map(|(series, evidence)| match evidence {
        Ok(evidence) => Some(Some(evidence)),
        Err(Doubt::TooFewRounds) => {
            let measured = series.instances.iter().any(|rounds| !rounds.is_empty());
            measured.then_some(None)
        }
        Err(_) => None,
    })
}

impl Evidence {
    /// Half of the interval of the noise: no further round shows what a clock hides.
    fn half_width(&self) -> f64 {
        let sampling = &self.sampling;
        let interval = sampling.interval_of_noise(self.centre, UNTIL_PRECISE.interval);
        interval.map_or(f64::INFINITY, |(low, high)| {
            (high - self.centre).exp() / 2.0 - (low - self.centre).exp() / 2.0
        })
    }

    /// The smallest number of instances whose interval is that narrow, if they vary as those so far.
    fn instances_for(&self, half_width: f64) -> usize {
        let Sampling::Student { error, freedom } = self.sampling else {
            return 0;
        };
        let narrow = |instances: &usize| {
            let more = count(*instances) - count(self.instances);
            let error = error * (count(self.instances) / count(*instances)).sqrt();
            upper_quantile(UNTIL_PRECISE.interval / 2.0, freedom + more)
                .is_some_and(|quantile| (quantile * error).sinh() <= half_width)
        };
        (self.instances..MOST_INSTANCES)
            .find(narrow)
            .unwrap_or(MOST_INSTANCES)
    }
}
