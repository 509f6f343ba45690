//! The system metrics of an instance: they come home whatever happens, and nothing depends on them.

use collector::phase::Phase;

use super::done::Done;
use super::harness::run;
use crate::doubles::{Incident, Trigger};

/// The rows with as many fields as the header has, each with its time and its step.
fn rows(done: &Done) -> Vec<(f64, String)> {
    let text = done.read("collector/metrics.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    assert_eq!(
        header.iter().take(3).collect::<Vec<_>>(),
        ["uptime_s", "unix_s", "step"]
    );
    assert!(header.len() > 20, "{header:?}");
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.unwrap();
        (row[0].parse().unwrap(), row[2].to_owned())
    };
    reader.records().map(row).collect()
}

/// Time goes on; a step that is over at once has a row of no length.
fn grow(rows: &[(f64, String)]) {
    assert!(rows.is_sorted_by(|a, b| a.0 <= b.0), "{rows:?}");
}

#[test]
fn every_step_on_the_instance_has_a_row() {
    let done = run().with_metrics().setup("true").measure("sleep 1.2").go();
    done.exits(0).gave_back().collected();
    let rows = rows(&done);
    grow(&rows);
    for phase in [Phase::Setup, Phase::Run] {
        let step = done.step(phase);
        let log = step.log.strip_prefix("collector/logs/").unwrap();
        let of_step = rows
            .iter()
            .any(|(_, step)| Some(step.as_str()) == log.strip_suffix(".log"));
        assert!(of_step, "{log}: {rows:?}");
    }
    // What this machine lost to its neighbours is true, and not ours.
    let is_stolen = |warning: &String| warning.contains(" % to steal");
    let mut warnings = done.sample().warnings.clone();
    warnings.retain(|warning| !is_stolen(warning));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_cut_connection_costs_no_row() {
    let done = run()
        .with_metrics()
        .measure("echo busy; sleep 2.5")
        .when(Trigger::Says("busy"), Incident::LoseConnection)
        .go();
    done.exits(0).gave_back();
    let rows = rows(&done);
    grow(&rows);
    let measured = rows.iter().filter(|(_, step)| step.contains("-run-"));
    assert!(measured.count() >= 2, "{rows:?}");
}

#[test]
fn a_sampler_that_is_gone_is_a_warning() {
    let done = run().with_metrics().measure("rm -r ../jobs/00").go();
    done.exits(0).gave_back().collected();
    let warnings = &done.sample().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("not all system metrics came home"));
}
