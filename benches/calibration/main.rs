//! The calibration of the statistics: how often they err, on simulated timings whose truth is known, through the code
//! that judges real ones. Prints the tables of `docs/numbers.md`:
//! `cargo bench --no-default-features --bench calibration -- --seed 1 --runs 2000`; with `--only NAME`, one of them. With
//! `--recorded DIRECTORY`, those of the whole runs that `benches/real-runs` left there.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

mod peers;
mod precision;
mod recorded;
mod simulation;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;

/// What the command line asks for.
#[derive(Debug, Clone)]
struct Options {
    seed: u64,
    runs: usize,
    /// The one table that is wanted.
    only: Option<String>,
    recorded: Option<PathBuf>,
    /// The program of `benches/criterion_replay`, to have Criterion itself judge the recorded runs.
    criterion_replay: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; none where cargo runs the target as a test.
    fn read(arguments: &[String]) -> Result<Option<Self>, String> {
        let given = |name: &str| {
            let mut arguments = arguments.iter();
            arguments.find(|argument| *argument == name)?;
            arguments.next()
        };
        let number = |name: &str, default: u64| match given(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|error| format!("{name}: {error}")),
        };
        let asked = arguments.iter().any(|argument| argument == "--bench");
        let options = Self {
            seed: number("--seed", 1)?,
            runs: usize::try_from(number("--runs", 2000)?).map_err(|error| error.to_string())?,
            only: given("--only").cloned(),
            recorded: given("--recorded").map(PathBuf::from),
            criterion_replay: given("--criterion-replay").map(PathBuf::from),
        };
        Ok(asked.then_some(options))
    }
}

/// Prints tables from a seed and a number of runs.
type Print = fn(u64, usize);

/// The tables, by the names that choose one of them.
const TABLES: [(&str, Print); 10] = [
    ("coverage", tables::false_alarms_and_coverage),
    ("few-turns", tables::few_turns),
    ("power", tables::power),
    ("two-stages", tables::two_stages),
    ("detectable", tables::detectable),
    ("single", tables::single_instance),
    ("single-coarse", tables::single_instance_with_a_coarse_clock),
    ("precision-rounds", precision::rounds),
    ("precision-instances", precision::instances),
    ("peers", tables::peers),
];

fn simulated(seed: u64, runs: usize, only: Option<&str>) {
    println!("Seed {seed}, {runs} runs in each cell.");
    let chosen = TABLES
        .into_iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name));
    for (_, print) in chosen {
        print(seed, runs);
    }
}

fn print(options: &Options) -> Result<(), String> {
    if let Some(directory) = &options.recorded {
        let criterion_replay = options.criterion_replay.as_deref();
        return recorded::report(directory, criterion_replay, options.seed);
    }
    simulated(options.seed, options.runs, options.only.as_deref());
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let printed =
        Options::read(&arguments).and_then(|options| options.as_ref().map_or(Ok(()), print));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}
