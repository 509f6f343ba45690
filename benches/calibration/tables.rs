//! The tables, in Markdown.

use std::num::NonZero;
use std::thread;

use collector::statistics::{Estimate, Finding, Series, compare, suspects};

use crate::peers::Peer;
use crate::simulation::{Design, Disturbance, Simulation};

const BIASES: [f64; 4] = [0.0, 0.005, 0.01, 0.02];
const EFFECT: f64 = 0.03;

/// Counts that are added up over runs.
pub(crate) type Counts<const N: usize> = [usize; N];

/// Runs a cell in equal parts on all processors, each with a seed of its own, and adds up what they count.
pub(crate) fn tally<const N: usize>(
    seed: u64,
    runs: usize,
    run: impl Fn(&mut Simulation) -> Counts<N> + Sync,
) -> Counts<N> {
    const PARTS: usize = 8;
    let parts: Vec<usize> = (0..PARTS).collect();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let part = |part: usize| {
        let mut simulation = Simulation::new(seed.wrapping_mul(1_000_003) + part as u64);
        let mut sum = [0; N];
        for _ in (part..runs).step_by(PARTS) {
            for (sum, counted) in sum.iter_mut().zip(run(&mut simulation)) {
                *sum += counted;
            }
        }
        sum
    };
    let mut total = [0; N];
    thread::scope(|scope| {
        let threads: Vec<_> = parts
            .chunks(PARTS.div_ceil(workers))
            .map(|chunk| scope.spawn(|| chunk.iter().copied().map(part).collect::<Vec<_>>()))
            .collect();
        for sums in threads.into_iter().flat_map(thread::ScopedJoinHandle::join) {
            for sum in sums {
                for (total, counted) in total.iter_mut().zip(sum) {
                    *total += counted;
                }
            }
        }
    });
    total
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of runs are far below what a mantissa holds"
)]
pub(crate) fn share(counted: usize, of: usize) -> f64 {
    counted as f64 / of.max(1) as f64
}

pub(crate) fn percent(counted: usize, of: usize) -> String {
    format!("{:.1} %", 100.0 * share(counted, of))
}

fn found(estimate: &Estimate) -> bool {
    matches!(estimate.finding, Finding::Lower | Finding::Higher)
}

fn higher(estimates: &[Estimate]) -> bool {
    estimates
        .first()
        .is_some_and(|estimate| estimate.finding == Finding::Higher)
}

pub(crate) fn any(estimates: &[Estimate]) -> usize {
    usize::from(estimates.iter().any(found))
}

fn without_verdict(estimates: &[Estimate]) -> usize {
    let doubtful = |estimate: &Estimate| matches!(estimate.finding, Finding::None(_));
    usize::from(estimates.iter().any(doubtful))
}

pub(crate) fn covering(estimates: &[Estimate]) -> usize {
    let covers = |estimate: &&Estimate| {
        estimate
            .interval
            .is_some_and(|interval| interval.low <= 1.0 && interval.high >= 1.0)
    };
    estimates.iter().filter(covers).count()
}

pub(crate) fn heading(title: &str, columns: &[&str]) {
    println!("\n### {title}\n\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// A table whose rows were counted with those of another.
fn table(title: &str, columns: &[&str], rows: &[Vec<String>]) {
    heading(title, columns);
    for cells in rows {
        row(cells);
    }
}

/// A/A tables: those with any finding, those with any row that has no verdict, and the intervals that hold the true ratio.
pub(crate) fn false_alarms_and_coverage(seed: u64, runs: usize) {
    const SIZES: [(usize, usize); 6] = [(1, 3), (1, 5), (10, 3), (10, 5), (40, 3), (40, 5)];
    let columns = [
        "disturbance",
        "bias",
        "1 figure, 3 instances",
        "1, 5",
        "10, 3",
        "10, 5",
        "40, 3",
        "40, 5",
    ];
    let mut doubtful = Vec::new();
    let mut coverage = Vec::new();
    heading("False alarms: A/A tables with any finding", &columns);
    for disturbance in Disturbance::ALL {
        for bias in BIASES {
            let name = [disturbance.name().to_owned(), format!("{} %", 100.0 * bias)];
            let [mut alarms, mut doubts, mut covers] = [(); 3].map(|()| name.to_vec());
            for (figures, instances) in SIZES {
                let mut design = Design::of(figures, bias);
                design.disturbance = disturbance;
                let [alarm, doubt, cover] = tally(seed, runs, |simulation| {
                    let natures = simulation.natures(&design);
                    let estimates = compare(&simulation.measure(&design, &natures, instances));
                    [
                        any(&estimates),
                        without_verdict(&estimates),
                        covering(&estimates),
                    ]
                });
                doubts.push(percent(doubt, runs));
                alarms.push(percent(alarm, runs));
                covers.push(percent(cover, runs * figures));
            }
            row(&alarms);
            doubtful.push(doubts);
            coverage.push(covers);
        }
    }
    table(
        "No verdict: A/A tables with any row that has none",
        &columns,
        &doubtful,
    );
    table(
        "Coverage: intervals of 95 % that hold the true ratio",
        &columns,
        &coverage,
    );
}

/// A/A tables of a coarse clock with few turns, which agree by chance: those with any finding, and those with any row that has
/// no verdict.
pub(crate) fn few_turns(seed: u64, runs: usize) {
    const SIZES: [(usize, usize); 6] = [(1, 2), (1, 3), (1, 5), (2, 2), (2, 3), (2, 5)];
    let columns = [
        "figures",
        "pair noise",
        "bias",
        "1 turn, 2 instances",
        "1, 3",
        "1, 5",
        "2, 2",
        "2, 3",
        "2, 5",
    ];
    let mut doubtful = Vec::new();
    heading(
        "Few turns from a coarse clock: A/A tables with any finding",
        &columns,
    );
    for figures in [1, 10, 40] {
        for (pair_noise, bias) in [(0.005, 0.0), (0.02, 0.0), (0.02, 0.01)] {
            let name = [
                figures.to_string(),
                format!("{} %", 100.0 * pair_noise),
                format!("{} %", 100.0 * bias),
            ];
            let [mut alarms, mut doubts] = [(); 2].map(|()| name.to_vec());
            for (turns, instances) in SIZES {
                let mut design = Design::of(figures, bias);
                design.rounds = 1;
                design.pair_noise = pair_noise;
                design.disturbance = Disturbance::CoarseClock;
                let [alarm, doubt] = tally(seed, runs, |simulation| {
                    let natures = simulation.natures(&design);
                    let mut table = simulation.measure(&design, &natures, instances);
                    for round in table
                        .iter_mut()
                        .flat_map(|series| series.instances.iter_mut().flatten())
                    {
                        round.baseline.truncate(turns);
                        round.candidate.truncate(turns);
                    }
                    let estimates = compare(&table);
                    [any(&estimates), without_verdict(&estimates)]
                });
                alarms.push(percent(alarm, runs));
                doubts.push(percent(doubt, runs));
            }
            row(&alarms);
            doubtful.push(doubts);
        }
    }
    table(
        "Few turns from a coarse clock: A/A tables with any row that has no verdict",
        &columns,
        &doubtful,
    );
}

/// One changed figure in a table, found in one stage.
pub(crate) fn power(seed: u64, runs: usize) {
    heading(
        "Power: 3 % found in one stage, bias 1 %",
        &["figures", "pair noise", "3 instances", "5", "8"],
    );
    for (pair_noise, figures) in [0.02, 0.0283]
        .into_iter()
        .flat_map(|noise| [1, 10, 40].map(|figures| (noise, figures)))
    {
        let mut design = Design::of(figures, 0.01);
        design.pair_noise = pair_noise;
        design.effect = EFFECT;
        let mut cells = vec![figures.to_string(), format!("{:.1} %", 100.0 * pair_noise)];
        for instances in [3, 5, 8] {
            let [hit] = tally(seed, runs, |simulation| {
                let natures = simulation.natures(&design);
                let table = simulation.measure(&design, &natures, instances);
                [usize::from(higher(&compare(&table)))]
            });
            cells.push(percent(hit, runs));
        }
        row(&cells);
    }
}

/// The instances of the first stage, and the fresh ones of the second.
const FIRST_INSTANCES: usize = 3;
const FRESH_INSTANCES: usize = 5;

/// Both stages: whether the run went on, whether the first figure was found, and whether anything was.
fn staged(simulation: &mut Simulation, design: &Design) -> Counts<3> {
    let natures = simulation.natures(design);
    let mut table = simulation.measure(design, &natures, FIRST_INSTANCES);
    if suspects(&table).is_empty() {
        return [0; 3];
    }
    let fresh = simulation.measure(design, &natures, FRESH_INSTANCES);
    for (series, fresh) in table.iter_mut().zip(fresh) {
        series.instances.extend(fresh.instances);
    }
    let estimates = compare(&table);
    [1, usize::from(higher(&estimates)), any(&estimates)]
}

/// Three instances, then five fresh ones where there are suspects.
pub(crate) fn two_stages(seed: u64, runs: usize) {
    heading(
        "Two stages: 3 instances, then 5 fresh ones for suspects, bias 1 %",
        &[
            "figures",
            "pair noise",
            "A/A: false alarms",
            "A/A: runs that go on",
            "3 %: found",
            "3 %: instances on average",
        ],
    );
    for (pair_noise, figures) in [0.02, 0.0283]
        .into_iter()
        .flat_map(|noise| [1, 10, 40, 200].map(|figures| (noise, figures)))
    {
        let mut design = Design::of(figures, 0.01);
        design.pair_noise = pair_noise;
        let runs = if figures > 100 { runs / 4 } else { runs };
        let [on, _, alarm] = tally(seed, runs, |simulation| staged(simulation, &design));
        design.effect = EFFECT;
        let [changed_on, hit, _] = tally(seed, runs, |simulation| staged(simulation, &design));
        row(&[
            figures.to_string(),
            format!("{:.1} %", 100.0 * pair_noise),
            percent(alarm, runs),
            percent(on, runs),
            percent(hit, runs),
            format!("{:.1}", 3.0 + 5.0 * share(changed_on, runs)),
        ]);
    }
}

/// A change of the first figure, put into what was measured.
fn change(table: &mut [Series], by: f64) {
    let instances = table
        .iter_mut()
        .take(1)
        .flat_map(|series| &mut series.instances);
    for value in instances.flatten().flat_map(|round| &mut round.candidate) {
        *value *= 1.0 + by;
    }
}

/// The detectable change of each run, put into that very run.
pub(crate) fn detectable(seed: u64, runs: usize) {
    heading(
        "Detectable: the printed change, put into the run that printed it, is found",
        &["figures", "1 instance, 12 pairs", "3 instances", "5", "8"],
    );
    for figures in [1, 10, 40] {
        let mut cells = vec![figures.to_string()];
        for instances in [1, 3, 5, 8] {
            let mut design = Design::of(figures, if instances == 1 { 0.0 } else { 0.01 });
            design.rounds = if instances == 1 { 6 } else { 3 };
            let [hit] = tally(seed, runs, |simulation| {
                let natures = simulation.natures(&design);
                let mut table = simulation.measure(&design, &natures, instances);
                let printed = compare(&table).first().and_then(|one| one.detectable);
                change(&mut table, printed.unwrap_or(0.0));
                [usize::from(higher(&compare(&table)))]
            });
            cells.push(percent(hit, runs));
        }
        row(&cells);
    }
}

/// A/A tables of a single instance: what it cannot know.
pub(crate) fn single_instance(seed: u64, runs: usize) {
    heading(
        "A single instance: A/A tables with any finding",
        &["bias", "1 figure, 6 pairs", "1, 12", "10, 6", "10, 12"],
    );
    for bias in BIASES {
        let mut cells = vec![format!("{} %", 100.0 * bias)];
        for (figures, rounds) in [(1, 3), (1, 6), (10, 3), (10, 6)] {
            let mut design = Design::of(figures, bias);
            design.rounds = rounds;
            let [alarm] = tally(seed, runs, |simulation| {
                let natures = simulation.natures(&design);
                [any(&compare(&simulation.measure(&design, &natures, 1)))]
            });
            cells.push(percent(alarm, runs));
        }
        row(&cells);
    }
}

/// The intervals of a single instance with a coarse clock, of changes within a step of it.
pub(crate) fn single_instance_with_a_coarse_clock(seed: u64, runs: usize) {
    heading(
        "A single instance with a coarse clock: intervals of 95 % that hold the true ratio",
        &["pair noise", "6 pairs", "12", "24"],
    );
    for pair_noise in [0.0, 0.005, 0.01, 0.02, 0.04] {
        let mut cells = vec![format!("{} %", 100.0 * pair_noise)];
        for rounds in [3, 6, 12] {
            let [cover] = tally(seed, runs, |simulation| {
                let design = Design {
                    rounds,
                    pair_noise,
                    effect: 0.02 * share(simulation.below(1000), 1000),
                    disturbance: Disturbance::CoarseClock,
                    ..Design::of(1, 0.0)
                };
                let natures = simulation.natures(&design);
                let mut table = simulation.measure(&design, &natures, 1);
                // A step of the clock is then one of the last digit.
                let rounds = table.iter_mut().flat_map(|series| &mut series.instances);
                for round in rounds.flatten() {
                    let values = round.baseline.iter_mut().chain(&mut round.candidate);
                    values.for_each(|value| *value /= 2.0);
                }
                let interval = compare(&table).first().and_then(|one| one.interval);
                let ratio = 1.0 + design.effect;
                [usize::from(interval.is_some_and(|one| {
                    (one.low..=one.high).contains(&ratio)
                }))]
            });
            cells.push(percent(cover, runs));
        }
        row(&cells);
    }
}

/// The peers, on the timings of five instances.
pub(crate) fn peers(seed: u64, runs: usize) {
    heading(
        "Peers on the same timings: 5 instances, 6 turns of each arm, pair noise 2 %",
        &[
            "method",
            "bias 0: false alarms, 1 figure",
            "10 figures",
            "3 % found",
            "bias 1 %: false alarms, 1 figure",
            "10 figures",
            "3 % found",
            "bias 2 %: false alarms, 1 figure",
            "10 figures",
            "3 % found",
        ],
    );
    let judge = |name: &str, finds: &(dyn Fn(&[Series], &mut Simulation) -> bool + Sync)| {
        let mut cells = vec![name.to_owned()];
        for bias in [0.0, 0.01, 0.02] {
            for (figures, effect) in [(1, 0.0), (10, 0.0), (1, EFFECT)] {
                let mut design = Design::of(figures, bias);
                design.effect = effect;
                let [hit] = tally(seed, runs, |simulation| {
                    let natures = simulation.natures(&design);
                    let table = simulation.measure(&design, &natures, 5);
                    [usize::from(finds(&table, simulation))]
                });
                cells.push(percent(hit, runs));
            }
        }
        row(&cells);
    };
    judge("collector", &|table, _| any(&compare(table)) > 0);
    for peer in Peer::ALL {
        judge(peer.name(), &|table, random| {
            table.iter().any(|series| peer.finds(series, random))
        });
    }
}
