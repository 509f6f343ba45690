//! Whole runs of the program, by the records that `benches/real-runs` left of them: what the program said of each, and
//! what the peers say of the same timings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use collector::comparison::{Comparison, Verdict};
use collector::records::Figures;
use collector::statistics::Series;
use tempfile::TempDir;

use crate::peers::Peer;
use crate::simulation::Simulation;
use crate::tables::{heading, percent, row, share};

/// What was changed in a run, which names the directory of its records too.
const TRUTHS: [(&str, &str); 2] = [("same", "none"), ("slower", "5 % slower")];

/// The files of a run's turns, as other programs get them.
const ARMS: [&str; 2] = ["baseline", "candidate"];

/// A run of one figure.
struct Run {
    series: Series,
    comparison: Comparison,
    instances: usize,
}

impl Run {
    fn read(path: &Path) -> Result<Self, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read(path).map_err(|error| named(&error))?;
        let figures: Figures = serde_json::from_slice(&text).map_err(|error| named(&error))?;
        let series = Comparison::series(&figures);
        Ok(Self {
            series: series.into_iter().next().unwrap_or_default(),
            instances: figures.samples.len(),
            comparison: figures
                .comparison
                .ok_or_else(|| named(&"no comparison was made"))?,
        })
    }

    fn is(&self, verdict: Verdict) -> bool {
        self.comparison.of(verdict).next().is_some()
    }

    /// The turns of the baseline and the candidate on all instances.
    fn turns(&self) -> [Vec<f64>; 2] {
        let rounds = || self.series.instances.iter().flatten();
        [
            rounds().flat_map(|round| round.baseline.clone()).collect(),
            rounds().flat_map(|round| round.candidate.clone()).collect(),
        ]
    }
}

/// The runs of a truth, in the order of their numbers.
fn runs(directory: &Path) -> Result<Vec<Run>, String> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect);
    let entries: Vec<fs::DirEntry> =
        entries.map_err(|error: io::Error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    paths.iter().map(|path| Run::read(path)).collect()
}

/// Prints both tables.
pub(crate) fn report(
    directory: &Path,
    criterion_replay: Option<&Path>,
    seed: u64,
) -> Result<(), String> {
    let mut recorded = Vec::new();
    for (name, truth) in TRUTHS {
        recorded.push((truth, runs(&directory.join(name))?));
    }
    verdicts(&recorded);
    peers(&recorded, criterion_replay, seed)
}

fn verdicts(recorded: &[(&str, Vec<Run>)]) {
    heading(
        "Whole runs: what the table said",
        &[
            "true change",
            "runs",
            "slower",
            "faster",
            "no difference",
            "no verdict",
            "instances on average",
        ],
    );
    for (truth, runs) in recorded {
        let mut cells = vec![(*truth).to_owned(), runs.len().to_string()];
        for verdict in [
            Verdict::Slower,
            Verdict::Faster,
            Verdict::NoDifference,
            Verdict::NoVerdict,
        ] {
            cells.push(
                runs.iter()
                    .filter(|run| run.is(verdict))
                    .count()
                    .to_string(),
            );
        }
        let instances = runs.iter().map(|run| run.instances).sum();
        cells.push(format!("{:.1}", share(instances, runs.len())));
        row(&cells);
    }
}

fn peers(
    recorded: &[(&str, Vec<Run>)],
    criterion_replay: Option<&Path>,
    seed: u64,
) -> Result<(), String> {
    let heads: Vec<String> = recorded
        .iter()
        .map(|(truth, runs)| format!("true change: {truth}, {} runs", runs.len()))
        .collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    heading(
        "Runs called changed, by each method on the same timings",
        &[&["method"], heads.as_slice()].concat(),
    );
    let judge = |name: &str, changed: &dyn Fn(&Run) -> Result<bool, String>| {
        let mut cells = vec![name.to_owned()];
        for (_, runs) in recorded {
            let judged: Result<Vec<bool>, String> = runs.iter().map(changed).collect();
            let count = judged?.into_iter().filter(|changed| *changed).count();
            cells.push(format!("{count} ({})", percent(count, runs.len())));
        }
        row(&cells);
        Ok::<(), String>(())
    };
    judge("collector", &|run| {
        Ok(run.is(Verdict::Slower) || run.is(Verdict::Faster))
    })?;
    for peer in Peer::ALL {
        judge(peer.name(), &|run| {
            Ok(peer.finds(&run.series, &mut Simulation::new(seed)))
        })?;
    }
    if Command::new("benchstat").arg("-h").output().is_ok() {
        judge("benchstat, the program", &benchstat)?;
    }
    match criterion_replay {
        Some(program) => judge("Criterion, the program", &|run| criterion(program, run)),
        None => Ok(()),
    }
}

/// A directory with the turns of each arm in a file of its own, a line each.
fn files(run: &Run, line: impl Fn(f64) -> String) -> Result<TempDir, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    for (name, turns) in ARMS.iter().zip(run.turns()) {
        let lines: String = turns.into_iter().map(&line).collect();
        fs::write(directory.path().join(name), lines).map_err(|error| error.to_string())?;
    }
    Ok(directory)
}

/// Asks Criterion itself, by `benches/criterion_replay`.
fn criterion(program: &Path, run: &Run) -> Result<bool, String> {
    let directory = files(run, |seconds| format!("{seconds}\n"))?;
    let output = Command::new(program)
        .args(ARMS.map(|name| directory.path().join(name)))
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let is = |words: &str| said.contains(words);
    if is("Performance has") {
        Ok(true)
    } else if is("No change in performance") || is("Change within noise threshold") {
        Ok(false)
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("Criterion told of no change:\n{said}{complaint}"))
    }
}

/// Asks the program itself: its column of changes has `~` where it sees none.
fn benchstat(run: &Run) -> Result<bool, String> {
    let directory = files(run, |seconds| {
        format!("BenchmarkWork 1 {:.0} ns/op\n", seconds * 1e9)
    })?;
    let output = Command::new("benchstat")
        .args(["-format", "csv"])
        .args(ARMS)
        .current_dir(directory.path())
        .output()
        .map_err(|error| format!("benchstat: {error}"))?;
    let table = String::from_utf8_lossy(&output.stdout);
    let line = table.lines().find(|line| line.starts_with("Work,"));
    let change = line.and_then(|line| line.split(',').nth(5));
    change
        .map(|change| change != "~")
        .ok_or_else(|| format!("benchstat wrote no change:\n{table}"))
}
