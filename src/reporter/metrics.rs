//! The metrics of a sample as lines of text: a sparkline for each.

use super::text::{aligned, printable};
use crate::report::human_measured_bytes;
use crate::report_page::Metrics;

/// The columns of a sparkline.
const WIDTH: usize = 40;

/// Its characters, from the lowest to the highest; nothing where nothing is known.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A line for each metric that ever changed: its name, its readings, the least and the greatest.
pub fn sparklines(metrics: &Metrics) -> Vec<String> {
    let rows = metrics.columns().filter_map(|(name, unit, readings)| {
        let known = || readings.iter().copied().filter(|value| value.is_finite());
        let (least, most) = (known().reduce(f32::min)?, known().reduce(f32::max)?);
        (least < most).then(|| {
            let extent = format!("{} to {}", amount(least, unit), amount(most, unit));
            [printable(&name), sparkline(readings, [least, most]), extent]
        })
    });
    aligned(&rows.collect::<Vec<_>>())
}

/// The greatest reading of each part of the time, for a short peak is what is looked for.
fn sparkline(readings: &[f32], [least, most]: [f32; 2]) -> String {
    let parts = readings.len().min(WIDTH);
    let index = |part: usize| part * readings.len() / parts.max(1);
    let part = |part: usize| {
        let readings = readings
            .get(index(part)..index(part + 1))
            .unwrap_or_default();
        let greatest = readings
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .reduce(f32::max);
        greatest.map_or(' ', |value| level((value - least) / (most - least)))
    };
    (0..parts).map(part).collect()
}

/// The character of a height from 0 to 1.
fn level(height: f32) -> char {
    let steps = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
    let below = steps.iter().filter(|step| height >= **step).count();
    LEVELS.get(below).copied().unwrap_or(' ')
}

fn amount(value: f32, unit: &str) -> String {
    match unit {
        "percent" => format!("{value:.1} %"),
        "bytes" => human_measured_bytes(value),
        "bytes_per_s" => format!("{}/s", human_measured_bytes(value)),
        "per_s" => format!("{value:.1}/s"),
        "mhz" => format!("{value:.0} MHz"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_changed_has_a_line_and_a_constant_one_none() {
        let file =
            b"uptime_s,unix_s,step,cpu.user_percent,swap.used_bytes,net.e\x1bth.in_bytes_per_s\n\
            1,1,,0,0,0\n2,2,,50,0,2048\n3,3,,,0,1024\n4,4,,100,0,0\n";
        let lines = sparklines(&Metrics::parse(file).unwrap());
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].contains("▁▅ █") && lines[0].contains("0.0 % to 100.0 %"),
            "{lines:?}"
        );
        assert!(
            lines[1].contains("2.00 KiB/s") && !lines[1].contains('\x1b'),
            "{lines:?}"
        );
    }
}
