//! `metrics.csv`, as the page draws it: columns of numbers by their subject, and the steps that ran meanwhile.

use serde::Serialize;

use super::course::Course;
use super::pack::packed_numbers;

/// The columns that are no metric.
const UPTIME: &str = "uptime_s";
const WALL_CLOCK: &str = "unix_s";
const STEP: &str = "step";

/// The endings of a metric's name that tell its unit, the longest of those that end alike first.
const UNITS: [&str; 6] = [
    "_bytes_per_s",
    "_per_s",
    "_percent",
    "_bytes",
    "_mhz",
    "_count",
];

/// The bits of a number's mantissa that are kept: four digits of it, which is more than a chart shows.
const MANTISSA_BITS: u32 = 13;

/// The metrics of a sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// The time of the first reading, in seconds since 1970.
    start: f64,
    /// The time of each reading since the first, in seconds, by the machine's monotonic clock.
    times: Vec<f32>,
    /// The step that ran, from which reading to which.
    spans: Vec<Span>,
    /// The columns, in the order of the file.
    columns: Vec<Column>,
}

/// A step while it ran: from the reading before its first, for a row is of the time that ends at it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Span {
    step: String,
    from: f32,
    to: f32,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    subject: String,
    metric: String,
    unit: &'static str,
    values: Vec<f32>,
}

/// The part of a sample's metrics that the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    start: f64,
    rows: usize,
    spans: Vec<Span>,
    times: String,
    groups: Vec<Group>,
}

/// The metrics of a subject.
#[derive(Debug, Serialize)]
struct Group {
    subject: String,
    /// So many readings are one number of the page, which is their mean.
    every: usize,
    columns: Vec<Extent>,
    /// The numbers of all columns, one column after the other.
    numbers: String,
}

/// A metric and where its readings lie.
#[derive(Debug, Serialize)]
struct Extent {
    name: String,
    unit: &'static str,
    least: Option<f32>,
    mean: Option<f64>,
    most: Option<f32>,
}

impl Metrics {
    /// Reads the file. A field that is no number is unknown; a row that is broken off ends the reading.
    ///
    /// # Errors
    /// A sentence fragment that says why nothing can be read of it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let header = reader.headers().map_err(|error| error.to_string())?.clone();
        let place = |name: &str| header.iter().position(|other| other == name);
        let (Some(uptime), Some(clock)) = (place(UPTIME), place(WALL_CLOCK)) else {
            return Err(format!("it has no columns `{UPTIME}` and `{WALL_CLOCK}`"));
        };
        let step = place(STEP);
        let mut columns: Vec<(usize, Column)> = header
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some((index, Column::named(name)?)))
            .collect();
        let mut metrics = Self::default();
        let mut first_uptime = None;
        for record in reader.byte_records().map_while(Result::ok) {
            if record.len() != header.len() {
                break;
            }
            let field = |index: usize| {
                let text = std::str::from_utf8(record.get(index)?).ok()?;
                text.trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|number| number.is_finite())
            };
            let (Some(up), Some(unix)) = (field(uptime), field(clock)) else {
                break;
            };
            let first = *first_uptime.get_or_insert_with(|| {
                metrics.start = unix;
                up
            });
            let at = narrow(up - first);
            metrics.times.push(at);
            let running = step.and_then(|step| record.get(step)).unwrap_or_default();
            metrics.note_step(&String::from_utf8_lossy(running), at);
            for (index, column) in &mut columns {
                column.values.push(field(*index).map_or(f32::NAN, narrow));
            }
        }
        metrics.columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(metrics)
    }

    /// The numbers of all columns.
    pub(super) fn size(&self) -> usize {
        self.times.len().saturating_mul(self.columns.len())
    }

    /// The numbers of those columns that there are many of on a large machine.
    pub(super) fn size_of_many(&self) -> usize {
        let many = self.columns.iter().filter(|column| column.is_one_of_many());
        self.times.len().saturating_mul(many.count())
    }

    fn note_step(&mut self, step: &str, at: f32) {
        if step.is_empty() {
            return;
        }
        let before = self.times.iter().nth_back(1).copied();
        match self.spans.last_mut() {
            // Without a reading between them it is the same one.
            Some(span) if span.step == step && Some(span.to) == before => span.to = at,
            _ => self.spans.push(Span {
                step: step.to_owned(),
                from: before.unwrap_or(at),
                to: at,
            }),
        }
    }

    /// The metrics by subject, thinned to the mean of so many readings; `thinner` is for what there are many of.
    pub(super) fn chart(&self, thin: usize, thinner: usize) -> Chart {
        let mut subjects: Vec<&str> = Vec::new();
        for column in &self.columns {
            if !subjects.contains(&column.subject.as_str()) {
                subjects.push(&column.subject);
            }
        }
        let groups = subjects.into_iter().map(|subject| {
            let columns = self
                .columns
                .iter()
                .filter(|column| column.subject == subject);
            let columns: Vec<&Column> = columns.collect();
            let many = columns.iter().any(|column| column.is_one_of_many());
            let every = if many { thinner.max(thin) } else { thin };
            let numbers = columns
                .iter()
                .flat_map(|column| thinned(&column.values, every));
            Group {
                subject: subject.to_owned(),
                every,
                numbers: packed_numbers(&numbers.map(rounded).collect::<Vec<_>>()),
                columns: columns.iter().map(|column| column.extent()).collect(),
            }
        });
        Chart {
            start: self.start,
            rows: self.times.len(),
            spans: self.spans.clone(),
            times: packed_numbers(&self.times),
            groups: groups.collect(),
        }
    }

    /// The time from the first reading to the last, in seconds.
    pub fn seconds(&self) -> f32 {
        self.times.last().copied().unwrap_or_default()
    }

    /// A metric over time; none where there is no such column.
    pub fn course(&self, subject: &str, metric: &str) -> Option<Course<'_>> {
        let mut columns = self.columns.iter();
        let column = columns.find(|column| column.subject == subject && column.metric == metric);
        column.map(|column| Course {
            times: &self.times,
            values: &column.values,
        })
    }

    /// Every metric with its unit and its readings, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = (String, &'static str, &[f32])> {
        self.columns.iter().map(|column| {
            let name = format!("{} {}", column.subject, column.metric);
            (name, column.unit, column.values.as_slice())
        })
    }
}

impl Column {
    /// The column of this name; none where it is no metric.
    fn named(name: &str) -> Option<Self> {
        let (subject, metric) = name.rsplit_once('.')?;
        let unit = UNITS
            .into_iter()
            .find(|unit| metric.len() > unit.len() && metric.ends_with(unit));
        let metric = unit.map_or(metric, |unit| metric.trim_end_matches(unit));
        Some(Self {
            subject: subject.to_owned(),
            metric: metric.replace('_', " "),
            unit: unit.map_or("", |unit| unit.trim_start_matches('_')),
            values: Vec::new(),
        })
    }

    fn is_one_of_many(&self) -> bool {
        let number = self.subject.strip_prefix("cpu");
        number.is_some_and(|number| number.parse::<u32>().is_ok()) || self.subject.contains('.')
    }

    fn extent(&self) -> Extent {
        let known = || {
            self.values
                .iter()
                .copied()
                .filter(|value| value.is_finite())
        };
        let sum: f64 = known().map(f64::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "a count of readings")]
        let count = known().count() as f64;
        Extent {
            name: self.metric.clone(),
            unit: self.unit,
            least: known().reduce(f32::min),
            mean: (count > 0.0).then_some(sum / count),
            most: known().reduce(f32::max),
        }
    }
}

/// The mean of each so many values, of those that are known.
fn thinned(values: &[f32], every: usize) -> Vec<f32> {
    if every <= 1 {
        return values.to_vec();
    }
    let means = values.chunks(every).map(|chunk| {
        let known: Vec<f64> = chunk
            .iter()
            .filter(|value| value.is_finite())
            .map(|value| f64::from(*value))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a count of readings")]
        let count = known.len() as f64;
        narrow(known.iter().sum::<f64>() / count)
    });
    means.collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a chart has no more digits"
)]
pub(super) const fn narrow(value: f64) -> f32 {
    value as f32
}

/// The number with the digits that a chart shows: the others would only take room.
fn rounded(value: f32) -> f32 {
    const DROPPED: u32 = f32::MANTISSA_DIGITS - 1 - MANTISSA_BITS;
    if !value.is_finite() {
        return f32::NAN;
    }
    let half = 1_u32 << (DROPPED - 1);
    let kept = u32::MAX << DROPPED;
    let near = f32::from_bits(value.to_bits().saturating_add(half) & kept);
    if near.is_finite() { near } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] =
        b"uptime_s,unix_s,step,cpu.user_percent,disk.nvme0n1.read_bytes_per_s,odd\n\
        10.0,1000.5,,1.5,,x\n\
        11.0,1001.5,02-run-a.sh,2.5,100,x\n\
        12.0,900,02-run-a.sh,3.5,300,x\n\
        13.0,902,,4.5,nonsense,x\n\
        14.0,9";

    #[test]
    fn columns_are_read_by_their_names_alone() {
        let metrics = Metrics::parse(FILE).unwrap();
        let columns: Vec<_> = metrics
            .columns()
            .map(|(name, unit, _)| (name, unit))
            .collect();
        assert_eq!(
            columns,
            [
                ("cpu user".to_owned(), "percent"),
                ("disk.nvme0n1 read".to_owned(), "bytes_per_s")
            ]
        );
        let read = metrics.course("disk.nvme0n1", "read").unwrap();
        assert_eq!(read.mean(), Some(200.0));
        assert!((metrics.start - 1000.5).abs() < 1e-9);
        // The wall clock was set back meanwhile, which is no time.
        assert_eq!(metrics.times[..4], [0.0, 1.0, 2.0, 3.0]);
        let spans: Vec<_> = metrics
            .spans
            .iter()
            .map(|span| (span.from, span.to))
            .collect();
        assert_eq!(spans, [(0.0, 2.0)]);
    }

    #[test]
    fn what_is_thinned_keeps_its_mean_and_its_gaps() {
        assert_eq!(thinned(&[1.0, 3.0, 5.0, 7.0, 9.0], 2), [2.0, 6.0, 9.0]);
        assert!(thinned(&[f32::NAN, f32::NAN], 2)[0].is_nan());
        assert_eq!(thinned(&[f32::NAN, 4.0], 2), [4.0]);
    }

    #[test]
    fn a_number_keeps_four_digits() {
        for value in [0.0, 1.0, 99.98, 123_456.0, -7.25, 1.7e10, f32::MIN_POSITIVE] {
            let error = (rounded(value) - value).abs();
            assert!(error <= value.abs() * 1e-4, "{value}: {}", rounded(value));
        }
    }

    #[test]
    fn another_table_is_refused() {
        assert!(
            Metrics::parse(b"a,b\n1,2\n")
                .unwrap_err()
                .contains("uptime_s")
        );
        assert!(Metrics::parse(b"").is_err());
    }
}
