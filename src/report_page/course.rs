//! A metric over time, whatever the times of its readings: a row also stands where a step begins or ends.

/// The course of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The times of the readings, the first of which is zero; each reading is of the time since the one before.
    pub(super) times: &'a [f32],
    /// The readings; one that is no number is unknown.
    pub(super) values: &'a [f32],
}

impl Course<'_> {
    /// The mean over all of the time; none where nothing is known of it.
    pub fn mean(&self) -> Option<f32> {
        self.mean_between(0.0, self.end())
    }

    /// The mean around each of so many moments, two at least, that are evenly spaced from the first reading to the last. Where
    /// nothing is known, the one before stands on.
    pub fn at(&self, moments: u16) -> Vec<f32> {
        let between = self.end() / f64::from(moments.max(2) - 1);
        let mut last = 0.0;
        let mean = |moment: u16| {
            let middle = between * f64::from(moment);
            let (from, to) = (middle - between / 2.0, middle + between / 2.0);
            last = self.mean_between(from, to).unwrap_or(last);
            last
        };
        (0..moments.max(2)).map(mean).collect()
    }

    /// The greatest reading.
    pub fn most(&self) -> Option<f32> {
        let known = self.values.iter().filter(|value| value.is_finite());
        known.copied().reduce(f32::max)
    }

    fn end(&self) -> f64 {
        self.times.last().copied().unwrap_or_default().into()
    }

    fn mean_between(&self, from: f64, to: f64) -> Option<f32> {
        let (mut sum, mut seconds) = (0.0, 0.0);
        let spans = self.times.iter().zip(self.times.iter().skip(1));
        for ((begin, end), value) in spans.zip(self.values.iter().skip(1)) {
            let part = f64::from(*end).min(to) - f64::from(*begin).max(from);
            if part > 0.0 && value.is_finite() {
                sum += f64::from(*value) * part;
                seconds += part;
            }
        }
        (seconds > 0.0).then(|| super::metrics::narrow(sum / seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_weighs_what_its_time_does() {
        let times = [0.0, 1.0, 1.1, 2.0, 4.0];
        let course = Course {
            times: &times,
            values: &[f32::NAN, 10.0, 90.0, 10.0, 20.0],
        };
        assert_eq!(course.mean(), Some(17.0));
        assert_eq!(course.at(3), [10.0, 19.0, 20.0]);
        let steady = Course {
            times: &times,
            values: &[5.0; 5],
        };
        assert_eq!(steady.at(9), [5.0; 9]);
    }

    #[test]
    fn what_is_not_known_is_left_out_and_what_was_stands_on() {
        let course = Course {
            times: &[0.0, 1.0, 2.0, 3.0, 4.0],
            values: &[0.0, f32::NAN, 8.0, f32::NAN, f32::NAN],
        };
        assert_eq!(course.mean(), Some(8.0));
        assert_eq!(course.at(5), [0.0, 8.0, 8.0, 8.0, 8.0]);
        let nothing = Course {
            times: &[0.0],
            values: &[1.0],
        };
        assert_eq!(nothing.mean(), None);
        assert_eq!(nothing.at(1), [0.0, 0.0]);
    }
}
