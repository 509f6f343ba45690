//! Has Criterion itself compare recorded timings: `criterion-replay BASELINE CANDIDATE`, two files of seconds, one a line.
//! What it says of the candidate goes to its standard output.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use std::{env, fs, thread};

use criterion::{Criterion, SamplingMode};

/// The least that Criterion takes for warmed up.
const INSTANT: Duration = Duration::from_nanos(1);

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = env::args().skip(1);
    let (Some(baseline), Some(candidate)) = (paths.next(), paths.next()) else {
        return Err("usage: criterion-replay BASELINE CANDIDATE".into());
    };
    let records = env::temp_dir().join(format!("criterion-replay-{}", std::process::id()));
    let criterion = || {
        Criterion::default()
            .without_plots()
            .output_directory(&records)
    };
    replay(
        criterion().save_baseline("baseline".into()),
        Path::new(&baseline),
    )?;
    replay(
        criterion().retain_baseline("baseline".into(), true),
        Path::new(&candidate),
    )?;
    fs::remove_dir_all(records)?;
    Ok(())
}

/// Measures a benchmark whose samples take as long as recorded.
fn replay(mut criterion: Criterion, path: &Path) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let seconds = text
        .lines()
        .map(str::parse)
        .collect::<Result<Vec<f64>, _>>()?;
    let mut samples = seconds
        .iter()
        .map(|seconds| Duration::from_secs_f64(*seconds));
    let mut is_warm = false;
    let mut group = criterion.benchmark_group("recorded");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(seconds.len());
    group.warm_up_time(INSTANT).measurement_time(INSTANT);
    group.bench_function("turn", |bencher| {
        bencher.iter_custom(|iterations| {
            // The first call is the warm-up, whose time on the clock makes all others one iteration each.
            if !is_warm {
                is_warm = true;
                thread::sleep(Duration::from_micros(10));
                return INSTANT;
            }
            assert_eq!(iterations, 1);
            samples.next().unwrap_or_default()
        });
    });
    group.finish();
    Ok(())
}
