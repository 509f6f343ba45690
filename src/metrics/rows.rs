//! The rows of `metrics.csv` that are of steps which measured, and the means over them.

use super::{Measurement, Scope};

/// A row of the metrics of a step that measured; what cannot be read is left out.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) step: String,
    pub(super) scope: Scope,
    pub(super) seconds: f64,
    /// The shares of time that the hypervisor gave to others, and for which a limit held the machine and the step up.
    pub(super) steal: Option<f64>,
    pub(super) throttled: Option<f64>,
    pub(super) throttled_step: Option<f64>,
    /// The share of all CPUs that programs outside of the step had.
    pub(super) beside: Option<f64>,
    pub(super) swapped: Option<f64>,
    /// The bytes that were read in a second from volumes that are not initialized.
    pub(super) uninitialized: Option<f64>,
    pub(super) frequency: Option<f64>,
}

/// A mean over time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    sum: f64,
    seconds: f64,
}

impl Mean {
    pub(super) fn add(&mut self, value: Option<f64>, seconds: f64) {
        if let Some(value) = value {
            self.sum += value * seconds;
            self.seconds += seconds;
        }
    }

    pub(super) fn get(self) -> Option<f64> {
        self.over(0.0)
    }

    /// Of more than so many seconds only.
    pub(super) fn over(self, least: f64) -> Option<f64> {
        (self.seconds > 0.0 && self.seconds >= least).then_some(self.sum / self.seconds)
    }
}

/// The rows of the steps of a measurement.
pub(super) fn rows(measurement: &Measurement, text: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let Ok(header) = reader.byte_headers().cloned() else {
        return rows;
    };
    let place = |name: &str| header.iter().position(|other| other == name.as_bytes());
    let (up, step) = (place("uptime_s"), place("step"));
    let metrics = [
        "cpu.steal_percent",
        "cpu.throttled_percent",
        "step.throttled_percent",
        "swap.in_bytes_per_s",
        "swap.out_bytes_per_s",
        "cpu.frequency_mhz",
        "cpu.user_percent",
        "step.user_percent",
    ];
    let places = metrics.map(place);
    let disks = measurement.uninitialized_disks.iter();
    let disks = disks.filter_map(|disk| place(&format!("disk.{disk}.read_bytes_per_s")));
    let disks: Vec<usize> = disks.collect();
    let mut before = None;
    for row in reader.byte_records().map_while(Result::ok) {
        let number = |place: Option<usize>| {
            let text = std::str::from_utf8(row.get(place?)?).ok()?;
            text.parse::<f64>().ok().filter(|number| number.is_finite())
        };
        let Some(now) = number(up) else { break };
        let seconds = before.map_or(0.0, |before: f64| (now - before).max(0.0));
        before = Some(now);
        let name = step.and_then(|step| row.get(step)).unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        let Some((step, scope)) = measurement.steps.get_key_value(name.as_ref()) else {
            continue;
        };
        let share = |percent: Option<f64>| percent.map(|percent| percent / 100.0);
        let [
            steal,
            throttled,
            throttled_step,
            read,
            written,
            frequency,
            all,
            own,
        ] = places.map(number);
        // A step's 100 % is one CPU.
        let of_step = own
            .zip(measurement.cpus)
            .map(|(own, cpus)| own / f64::from(cpus));
        rows.push(Row {
            step: step.clone(),
            scope: *scope,
            seconds,
            steal: share(steal),
            throttled: share(throttled),
            throttled_step: share(throttled_step),
            beside: share(all.zip(of_step).map(|(all, own)| all - own)),
            swapped: read.zip(written).map(|(read, written)| read + written),
            uninitialized: disks.iter().map(|disk| number(Some(*disk))).sum(),
            frequency,
        });
    }
    rows
}
