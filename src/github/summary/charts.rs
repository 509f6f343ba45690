//! The load of a sample as charts that GitHub draws.
//!
//! GitHub shows no image that a page brings along, but Mermaid's `xychart-beta`, in a version behind the newest: only its plainest
//! words are used, and what matters stands below the charts in words.

use crate::report::human_measured_bytes;
use crate::report_page::Metrics;

/// The points of a chart: more than its width shows only make the page larger.
const POINTS: u16 = 60;

/// A line that shows on white and on black: Mermaid's own is nearly white.
const COLOUR: &str =
    r##"%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77d0"}}}}%%"##;

/// From so many seconds on, an axis counts minutes.
const COUNTED_IN_SECONDS: f32 = 300.0;

/// CPU and memory over time; none where there is nothing that makes a line.
pub(super) fn charts(metrics: &Metrics) -> Option<String> {
    // Time that waits for a disk, or that others had, is not this instance's work.
    let programs = metrics.course("cpu", "user")?;
    let kernel = metrics.course("cpu", "system")?;
    let used = metrics.course("memory", "used")?;
    let busy_on_average = programs.mean()? + kernel.mean()?;
    let mut sentences = vec![format!("CPU busy: {busy_on_average:.0} % on average")];
    if let Some(stolen) = metrics
        .course("cpu", "steal")
        .and_then(|steal| steal.mean())
    {
        sentences.push(format!("{stolen:.1} % of the time given to others"));
    }
    let most = used.most()?;
    sentences.push(format!(
        "memory used: {} at most",
        human_measured_bytes(most)
    ));
    let busy = programs.at(POINTS).into_iter().zip(kernel.at(POINTS));
    let busy: Vec<f32> = busy.map(|(one, other)| one + other).collect();
    let mebibytes = used.at(POINTS).into_iter();
    let mebibytes: Vec<f32> = mebibytes.map(|bytes| bytes / 1_048_576.0).collect();
    let seconds = metrics.seconds();
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

/// A line whose points are evenly spaced over the axis, as Mermaid draws them.
fn chart(title: &str, seconds: f32, top: f32, values: &[f32]) -> String {
    let (unit, length) = if seconds < COUNTED_IN_SECONDS {
        ("seconds", seconds)
    } else {
        ("minutes", seconds / 60.0)
    };
    let values: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
    format!(
        "```mermaid\n{COLOUR}\nxychart-beta\n    title \"{title}\"\n    x-axis \"{unit} since sampling began\" 0 --> {length:.1}\n    \
         y-axis 0 --> {top:.0}\n    line [{}]\n```\n",
        values.join(", ")
    )
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
        assert_eq!(page.matches("\nxychart-beta\n").count(), 2);
        let axis = "x-axis \"minutes since sampling began\" 0 --> 60.0\n";
        assert_eq!(page.matches(axis).count(), 2, "{page}");
        // All samples of a large run fit into a summary, and GitHub draws no diagram of more than 50,000 characters.
        assert!(page.len() < 2000, "{}", page.len());
        assert!(
            page.ends_with(
                "CPU busy: 40 % on average, 2.0 % of the time given to others, memory used: 1.00 GiB at most.\n"
            ),
            "{page}"
        );
    }

    #[test]
    fn a_point_is_of_its_time_and_not_of_its_row() {
        let header = "uptime_s,unix_s,step,cpu.user_percent,cpu.system_percent,memory.used_bytes\n";
        // A burst of a second, in which ten steps began and ended.
        let rows = (0..=120).flat_map(|at| {
            let parts = if at == 60 { 10 } else { 1 };
            (0..parts).map(move |part| {
                let time = f64::from(at) - 1.0 + f64::from(part + 1) / f64::from(parts);
                let busy = if at == 60 { 100 } else { 0 };
                format!("{time},{time},,{busy},0,1\n")
            })
        });
        let text: String = std::iter::once(header.to_owned()).chain(rows).collect();
        let page = charts(&Metrics::parse(text.as_bytes()).unwrap()).unwrap();
        assert!(
            page.contains("seconds since sampling began\" 0 --> 120.0\n"),
            "{page}"
        );
        assert!(page.contains("CPU busy: 1 % on average"), "{page}");
        let line = page
            .lines()
            .find_map(|line| line.trim().strip_prefix("line ["));
        let points = line.unwrap().trim_end_matches(']').split(", ");
        let points: Vec<f32> = points.map(|point| point.parse().unwrap()).collect();
        let high: Vec<usize> = (0..points.len())
            .filter(|place| points[*place] > 1.0)
            .collect();
        assert_eq!(high, [29], "{points:?}");
    }

    #[test]
    fn too_few_readings_are_no_line() {
        assert_eq!(charts(&metrics(1)), None);
        assert_eq!(charts(&Metrics::default()), None);
    }
}
