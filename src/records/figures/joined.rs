//! Figures of several runs as those of one.

use super::{FigureRecord, Figures, Record as _, SampleOf};
use crate::arm::Arm;
use crate::revision::Revision;

/// Why figures are not joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// They are of different revisions.
    #[error("the revisions differ: `{0}` and `{1}`")]
    Revisions(Revision, Revision),
    /// They are compared with different revisions.
    #[error("the baselines differ: {0} and {1}")]
    Baselines(String, String),
    /// They do not agree on what a figure is.
    #[error("`{0}` does not have the same unit and direction everywhere")]
    Meaning(String),
}

impl JoinError {
    /// The remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Revisions(..) => {
                "join what was measured of one revision; `collect compare` takes two"
            }
            Self::Baselines(..) => "join runs that have the same baseline, or none",
            Self::Meaning(_) => "join runs whose programs name the figure alike",
        }
    }
}

impl Figures {
    /// Adds what another run of the same plan has measured; samples that this one has already stay as they are. The verdicts are to be found anew.
    ///
    /// # Errors
    /// When the two are not of the same plan.
    pub fn join(&mut self, other: &Self) -> Result<(), JoinError> {
        if self.revision != other.revision {
            let (one, other) = (self.revision.clone(), other.revision.clone());
            return Err(JoinError::Revisions(one, other));
        }
        if self.baseline != other.baseline {
            let text = |baseline: &Option<Revision>| {
                let revision = baseline.as_ref();
                revision.map_or_else(|| "none".to_owned(), |revision| format!("`{revision}`"))
            };
            return Err(JoinError::Baselines(
                text(&self.baseline),
                text(&other.baseline),
            ));
        }
        let other = other.only(|sample| !self.samples.contains(sample));
        let first = self.samples.len();
        let mut figures = self.figures.clone();
        for figure in other.figures {
            let turns = figure.turns.iter().cloned().map(|mut turn| {
                turn.sample += first;
                turn
            });
            match figures.iter_mut().find(|known| known.name == figure.name) {
                Some(known) if (&known.unit, known.better) != (&figure.unit, figure.better) => {
                    return Err(JoinError::Meaning(figure.name));
                }
                Some(known) => known.turns.extend(turns),
                None => figures.push(FigureRecord {
                    turns: turns.collect(),
                    ..figure
                }),
            }
        }
        self.figures = figures;
        self.repeat = self.repeat.or(other.repeat);
        self.precision = self.precision.or(other.precision);
        self.samples.extend(other.samples);
        for run in other.runs {
            if !self.runs.contains(&run) {
                self.runs.push(run);
            }
        }
        if self.share != other.share {
            self.share = None;
        }
        self.comparison = None;
        Ok(())
    }

    /// The part that these samples measured, without verdicts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&SampleOf) -> bool) -> Self {
        let samples: Vec<&SampleOf> = self.samples.iter().filter(|sample| keep(sample)).collect();
        let place = |sample: usize| {
            let sample = self.samples.get(sample)?;
            samples.iter().position(|kept| *kept == sample)
        };
        let figures = self.figures.iter().map(|figure| FigureRecord {
            turns: figure
                .turns
                .iter()
                .filter_map(|turn| {
                    let mut turn = turn.clone();
                    turn.sample = place(turn.sample)?;
                    Some(turn)
                })
                .collect(),
            ..figure.clone()
        });
        let runs = self.runs.iter();
        Self {
            format: Self::FORMAT,
            runs: runs
                .filter(|run| samples.iter().any(|sample| sample.run == **run))
                .cloned()
                .collect(),
            samples: samples.iter().copied().cloned().collect(),
            figures: figures.filter(|figure| !figure.turns.is_empty()).collect(),
            comparison: None,
            revision: self.revision.clone(),
            baseline: self.baseline.clone(),
            seed: self.seed,
            repeat: self.repeat,
            precision: self.precision,
            share: self.share,
        }
    }

    /// The part that is of the revision itself, as of a run without a baseline.
    #[must_use]
    pub fn of_candidate(&self) -> Self {
        let mut figures = self.only(|_| true);
        for figure in &mut figures.figures {
            figure.turns.retain(|turn| turn.arm == Arm::Candidate);
        }
        figures.figures.retain(|figure| !figure.turns.is_empty());
        Self {
            baseline: None,
            ..figures
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Comparison, Reservation, Verdict};
    use crate::figures::Direction;
    use crate::instance::{InstanceId, RunId};
    use crate::records::TurnValues;

    fn figures(run: &str, samples: u32) -> Figures {
        let turn = |sample, arm, turn| TurnValues {
            sample,
            arm,
            round: 1,
            turn,
            values: vec![1.0],
        };
        let count = usize::try_from(samples).unwrap();
        let turns = (0..count).flat_map(|sample| {
            [
                turn(sample, Arm::Baseline, 1),
                turn(sample, Arm::Candidate, 2),
            ]
        });
        Figures {
            format: Figures::FORMAT,
            runs: vec![RunId::new(run)],
            revision: "v2".parse().unwrap(),
            baseline: Some("v1".parse().unwrap()),
            seed: 1,
            repeat: None,
            precision: None,
            share: None,
            samples: (1..=samples)
                .map(|sample| SampleOf {
                    run: RunId::new(run),
                    sample,
                    instance: InstanceId::new(format!("i-{run}-{sample}")),
                    reservations: Vec::new(),
                })
                .collect(),
            figures: vec![FigureRecord {
                name: "f".into(),
                unit: "s".into(),
                better: Direction::Less,
                turns: turns.collect(),
            }],
            comparison: None,
        }
    }

    #[test]
    fn the_samples_of_both_are_there_once() {
        let mut joined = figures("a", 2);
        joined.join(&figures("b", 1)).unwrap();
        let once = joined.clone();
        joined.join(&figures("b", 1)).unwrap();
        assert_eq!(joined, once);
        assert_eq!(joined.runs.len(), 2);
        assert_eq!(joined.samples.len(), 3);
        let places: Vec<usize> = joined.figures[0]
            .turns
            .iter()
            .map(|turn| turn.sample)
            .collect();
        assert_eq!(places, [0, 0, 1, 1, 2, 2]);
        let part = joined.only(|sample| sample.run.as_str() == "b");
        assert_eq!(part, figures("b", 1));
    }

    #[test]
    fn what_happened_to_a_sample_counts_after_the_joining_too() {
        let mut disturbed = figures("b", 1);
        disturbed.samples[0].reservations.push(Reservation {
            reason: "sample 1 lost 7.0 % to steal".into(),
            voids: true,
        });
        let mut joined = figures("a", 1);
        joined.join(&disturbed).unwrap();
        let comparison = Comparison::of_arms(&joined, &[]);
        assert_eq!(comparison.rows[0].verdict, Verdict::NoVerdict);
        // Both runs have a sample of this number.
        let reason = "sample 1 lost 7.0 % to steal (run b)".to_owned();
        assert!(
            comparison.rows[0].reasons.contains(&reason),
            "{comparison:?}"
        );
        let part = joined.only(|sample| sample.run.as_str() == "b");
        assert_eq!(part, disturbed);
    }

    #[test]
    fn what_is_of_another_plan_is_refused() {
        let mut joined = figures("a", 1);
        let mut other = figures("b", 1);
        other.baseline = None;
        let error = joined.join(&other).unwrap_err();
        assert_eq!(error.to_string(), "the baselines differ: `v1` and none");
        other = figures("b", 1);
        other.revision = "v3".parse().unwrap();
        assert!(matches!(joined.join(&other), Err(JoinError::Revisions(..))));
        other = figures("b", 1);
        other.figures[0].unit = "ms".into();
        assert_eq!(joined.join(&other), Err(JoinError::Meaning("f".into())));
        assert_eq!(joined, figures("a", 1));
    }

    #[test]
    fn the_candidate_alone_has_no_baseline() {
        let alone = figures("a", 2).of_candidate();
        assert_eq!(alone.baseline, None);
        assert_eq!(alone.figures[0].turns.len(), 2);
    }
}
