//! The calibration of the statistics: how often they err, on simulated timings whose truth is known, through the code
//! that judges real ones. Prints the tables of `docs/numbers.md`:
//! `cargo bench --no-default-features --bench calibration -- --seed 1 --runs 2000`.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

mod peers;
mod precision;
mod simulation;
mod tables;

use std::process::ExitCode;

/// What the command line asks for.
#[derive(Debug, Clone, Copy)]
struct Options {
    seed: u64,
    runs: usize,
}

impl Options {
    /// Reads the arguments; none where cargo runs the target as a test.
    fn read(arguments: &[String]) -> Result<Option<Self>, String> {
        let number = |name: &str, default: u64| {
            let given = arguments.iter().skip_while(|argument| *argument != name);
            given
                .skip(1)
                .map(|value| value.parse())
                .next()
                .map_or(Ok(default), |value: Result<u64, _>| {
                    value.map_err(|error| format!("{name}: {error}"))
                })
        };
        let asked = arguments.iter().any(|argument| argument == "--bench");
        let options = Self {
            seed: number("--seed", 1)?,
            runs: usize::try_from(number("--runs", 2000)?).map_err(|error| error.to_string())?,
        };
        Ok(asked.then_some(options))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match Options::read(&arguments) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(Options { seed, runs })) => {
            println!("Seed {seed}, {runs} runs in each cell.");
            tables::false_alarms_and_coverage(seed, runs);
            tables::power(seed, runs);
            tables::two_stages(seed, runs);
            tables::detectable(seed, runs);
            tables::single_instance(seed, runs);
            precision::rounds(seed, runs);
            precision::instances(seed, runs);
            tables::peers(seed, runs);
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}
