//! The measurements of all samples of a run so far: each adds its own when its turns are over, so that the last one can judge.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{MeasuredSample, Plan, gather};
use crate::comparison::{Comparison, Verdict};
use crate::statistics::{instances_for, suspects};

/// The samples of a run that are at it, and what the others measured.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    measuring: RefCell<BTreeSet<u32>>,
    measured: RefCell<BTreeMap<u32, MeasuredSample>>,
}

/// A sample's place among those that are at it, however its work ends.
#[derive(Debug)]
pub(crate) struct Measuring<'a> {
    tally: &'a Tally,
    sample: u32,
}

/// The progress of the launches of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launches {
    /// The samples up to this launch.
    pub(crate) so_far: u32,
    /// The samples that are planned; fewer than the run may have where it goes on only if that is worth it.
    pub(crate) goal: u32,
}

impl Tally {
    pub(super) fn enter(&self, sample: u32) -> Measuring<'_> {
        self.measuring.borrow_mut().insert(sample);
        Measuring {
            tally: self,
            sample,
        }
    }

    /// Enters that the turns of a sample are over, and what they measured. Returns whether no other sample is at it.
    pub(super) fn add(&self, sample: u32, measured: Option<MeasuredSample>) -> bool {
        let measured = measured.map(|measured| (sample, measured));
        self.measured.borrow_mut().extend(measured);
        self.leave(sample)
    }

    fn leave(&self, sample: u32) -> bool {
        let mut measuring = self.measuring.borrow_mut();
        measuring.remove(&sample);
        measuring.is_empty()
    }

    /// The number of figures that are slower by all that was measured; none where other instances are to be measured on yet.
    pub(super) fn slower(&self, plan: &Plan, launches: Launches) -> Option<usize> {
        let measured = self.measured.borrow();
        let measured: Vec<&MeasuredSample> = measured.values().collect();
        let Launches { so_far, goal } = launches;
        let may_follow = goal < plan.share.count();
        if so_far < goal || (may_follow && instances_in_all(plan, &measured, so_far) > so_far) {
            return None;
        }
        let (figures, _) = gather(plan, &measured)?;
        Some(figures.comparison?.of(Verdict::Slower).count())
    }
}

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        self.tally.leave(self.sample);
    }
}

/// The instances to measure on in all, after a stage on fewer than there may be: as many as the precision that is asked for
/// needs; without one, all where a figure looks different, so that it is worth to look again on others. Where nothing could
/// be compared, that is for the others to show, too.
pub(crate) fn instances_in_all(plan: &Plan, measured: &[&MeasuredSample], so_far: u32) -> u32 {
    let config = &plan.config;
    let asked = config.samples.get();
    let series =
        gather(plan, measured).map_or_else(Vec::new, |(figures, _)| Comparison::series(&figures));
    if let Some(precision) = config.asked_precision() {
        let needed = instances_for(&series, precision.fraction());
        let further = needed.saturating_sub(measured.len());
        let further = u32::try_from(further).unwrap_or(u32::MAX);
        so_far.saturating_add(further).min(asked)
    } else if series.is_empty() || !suspects(&series).is_empty() {
        asked
    } else {
        so_far
    }
}
