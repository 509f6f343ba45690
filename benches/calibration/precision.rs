//! Runs that go on until their intervals are narrow: what looking on the way costs.

use collector::statistics::{Series, compare_until_precise, half_width, instances_for};

use crate::simulation::{Design, Disturbance, Simulation};
use crate::tables::{Counts, any, covering, heading, percent, row, share, tally};

/// The rounds that are planned, and the most that there may be.
const PLANNED: usize = 3;
const MOST: usize = 30;

/// The instances of the first stage, and the most that there may be.
const FIRST: usize = 3;
const SAMPLES: usize = 10;

/// The first rounds of one instance.
fn first(table: &[Series], instance: usize, rounds: usize) -> Vec<Series> {
    let of = |series: &Series| {
        let measured = series.instances.get(instance).into_iter().flatten();
        Series {
            instances: vec![measured.take(rounds).cloned().collect()],
            ..Series::default()
        }
    };
    table.iter().map(of).collect()
}

/// Measures on one of the instances until its interval is narrow.
fn narrowed(full: &[Series], instance: usize, precision: f64) -> (Vec<Series>, usize) {
    let mut rounds = PLANNED;
    loop {
        let table = first(full, instance, rounds);
        let narrow = half_width(&table).is_none_or(|width| width <= precision);
        if narrow || rounds == MOST {
            return (table, rounds);
        }
        rounds += 1;
    }
}

/// A run on one instance: whether anything was found, the intervals that hold the true ratio, the rounds, and whether the
/// precision was reached.
fn on_one(simulation: &mut Simulation, design: &Design, precision: f64) -> Counts<4> {
    let natures = simulation.natures(design);
    let full = simulation.measure(design, &natures, 1);
    let (table, rounds) = narrowed(&full, 0, precision);
    let estimates = compare_until_precise(&table);
    let reached = half_width(&table).is_some_and(|width| width <= precision);
    [
        any(&estimates),
        covering(&estimates),
        rounds,
        usize::from(reached),
    ]
}

/// The same on up to ten instances, and their number.
fn on_several(simulation: &mut Simulation, design: &Design, precision: f64) -> Counts<5> {
    let natures = simulation.natures(design);
    let full = simulation.measure(design, &natures, SAMPLES);
    let mut table = vec![Series::default(); full.len()];
    let (mut instances, mut rounds, mut goal) = (0, 0, FIRST);
    while instances < goal {
        let (measured, count) = narrowed(&full, instances, precision);
        for (series, measured) in table.iter_mut().zip(measured) {
            series.instances.extend(measured.instances);
        }
        rounds += count;
        instances += 1;
        if instances == goal {
            goal = instances_for(&table, precision).min(SAMPLES);
        }
    }
    let estimates = compare_until_precise(&table);
    let reached = half_width(&table).is_some_and(|width| width <= precision);
    [
        any(&estimates),
        covering(&estimates),
        rounds,
        usize::from(reached),
        instances,
    ]
}

fn design(figures: usize, bias: f64, disturbance: Disturbance) -> Design {
    Design {
        rounds: MOST,
        disturbance,
        ..Design::of(figures, bias)
    }
}

/// Rounds until the interval of one instance is narrow.
pub(crate) fn rounds(seed: u64, runs: usize) {
    heading(
        "Precision on one instance: A/A, 3 rounds, then more, 30 at most",
        &[
            "disturbance",
            "figures",
            "precision",
            "false alarms",
            "coverage",
            "rounds on average",
            "reached",
        ],
    );
    // What a machine does to a revision, one instance cannot know, however many rounds it has.
    let of_machines = [Disturbance::HomeBias, Disturbance::SharedBias];
    let disturbances = Disturbance::ALL.into_iter();
    for disturbance in disturbances.filter(|one| !of_machines.contains(one)) {
        for (figures, precision) in [(1, 0.02), (1, 0.014), (1, 0.01), (10, 0.02)] {
            let runs = if figures > 1 { runs / 4 } else { runs };
            let design = design(figures, 0.0, disturbance);
            let [alarms, covers, rounds, reached] = tally(seed, runs, |simulation| {
                on_one(simulation, &design, precision)
            });
            row(&[
                disturbance.name().to_owned(),
                figures.to_string(),
                format!("{:.1} %", 100.0 * precision),
                percent(alarms, runs),
                percent(covers, runs * figures),
                format!("{:.1}", share(rounds, runs)),
                percent(reached, runs),
            ]);
        }
    }
}

/// Rounds and instances until the interval over the instances is narrow.
pub(crate) fn instances(seed: u64, runs: usize) {
    heading(
        "Precision on several instances: A/A, 3 instances, then more, 10 at most",
        &[
            "figures",
            "bias",
            "precision",
            "false alarms",
            "coverage",
            "instances on average",
            "rounds on each",
            "reached",
        ],
    );
    for figures in [1, 10] {
        let runs = if figures > 1 { runs / 4 } else { runs };
        for bias in [0.0, 0.005, 0.01, 0.02] {
            for precision in [0.02, 0.01] {
                let design = design(figures, bias, Disturbance::Normal);
                let [alarms, covers, rounds, reached, instances] =
                    tally(seed, runs, |simulation| {
                        on_several(simulation, &design, precision)
                    });
                row(&[
                    figures.to_string(),
                    format!("{} %", 100.0 * bias),
                    format!("{} %", 100.0 * precision),
                    percent(alarms, runs),
                    percent(covers, runs * figures),
                    format!("{:.1}", share(instances, runs)),
                    format!("{:.1}", share(rounds, instances)),
                    percent(reached, runs),
                ]);
            }
        }
    }
}
