//! The load of a sample as charts that GitHub draws.
//!
//! GitHub shows no image that a page brings along, but Mermaid's `xychart-beta`, in a version behind the newest: only its plainest
//! words are used, and what matters stands below the charts in words.

use crate::report::human_measured_bytes;
use crate::report_page::{Metrics, thinned};

/// The most points of a chart: more than its width shows only make the page larger.
const MAX_POINTS: usize = 60;

/// CPU and memory over time; none where there are too few readings for a line.
pub(super) fn charts(metrics: &Metrics) -> Option<String> {
    // Time that waits for a disk, or that others had, is not this instance's work.
    let programs = metrics.readings("cpu", "user").into_iter();
    let kernel = metrics.readings("cpu", "system");
    let busy: Vec<f32> = programs
        .zip(kernel)
        .map(|(one, other)| one + other)
        .collect();
    let stolen = metrics.readings("cpu", "steal");
    let used = metrics.readings("memory", "used");
    let seconds = metrics.seconds();
    if busy.len() < 2 || used.len() < 2 {
        return None;
    }
    let mut sentences = vec![format!("CPU busy: {:.0} % on average", mean(&busy))];
    if !stolen.is_empty() {
        sentences.push(format!(
            "{:.1} % of the time given to others",
            mean(&stolen)
        ));
    }
    let most = used.iter().copied().fold(0.0, f32::max);
    sentences.push(format!(
        "memory used: {} at most",
        human_measured_bytes(most)
    ));
    let mebibytes: Vec<f32> = used.iter().map(|bytes| bytes / 1_048_576.0).collect();
    Some(format!(
        "{}\n{}\n{}.\n",
        chart("CPU busy, %", seconds, 100.0, &busy),
        chart(
            "memory used, MiB",
            seconds,
            most / 1_048_576.0 * 1.1 + 1.0,
            &mebibytes
        ),
        sentences.join(", ")
    ))
}

fn chart(title: &str, seconds: f32, top: f32, readings: &[f32]) -> String {
    let values = thinned(readings, readings.len().div_ceil(MAX_POINTS));
    let values: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
    format!(
        "```mermaid\nxychart-beta\n    title \"{title}\"\n    x-axis \"seconds\" 0 --> {seconds:.0}\n    y-axis 0 --> {top:.0}\n    \
         line [{}]\n```\n",
        values.join(", ")
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody samples for as long as a float cannot count"
)]
fn mean(readings: &[f32]) -> f32 {
    readings.iter().sum::<f32>() / readings.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(readings: usize) -> Metrics {
        let header = "uptime_s,unix_s,step,cpu.user_percent,cpu.system_percent,cpu.iowait_percent,cpu.idle_percent,cpu.steal_percent,memory.used_bytes\n";
        let rows = (0..readings).map(|at| format!("{at},{at},,30,10,50,8,2,{}\n", 1 << 30));
        let text: String = std::iter::once(header.to_owned()).chain(rows).collect();
        Metrics::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_hour_is_sixty_points_and_what_matters_is_in_words() {
        let page = charts(&metrics(3601)).unwrap();
        let lines = page
            .lines()
            .filter_map(|line| line.trim().strip_prefix("line "));
        for line in lines {
            assert_eq!(line.split(", ").count(), 60, "{line}");
        }
        assert_eq!(page.matches("```mermaid\nxychart-beta\n").count(), 2);
        assert!(page.contains("x-axis \"seconds\" 0 --> 3600\n"), "{page}");
        assert!(
            page.ends_with(
                "CPU busy: 40 % on average, 2.0 % of the time given to others, memory used: 1.00 GiB at most.\n"
            ),
            "{page}"
        );
    }

    #[test]
    fn too_few_readings_are_no_line() {
        assert_eq!(charts(&metrics(1)), None);
        assert_eq!(charts(&Metrics::default()), None);
    }
}
