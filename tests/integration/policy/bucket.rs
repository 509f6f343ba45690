//! Results that also go to a bucket, or only there: what fails on the way costs the copy, and never the results.

use collector::phase::Stage;

use super::harness::{Scenario, run};
use crate::doubles::{Faults, Incident, Storing, Trigger};

fn to_bucket(storing: Storing) -> Scenario {
    run().faults(Faults {
        storing: Some(storing),
        ..Faults::default()
    })
}

#[test]
fn without_a_download_the_bucket_has_the_results_and_this_machine_the_records() {
    let done = to_bucket(Storing::Works).without_download().go();
    done.exits(0)
        .gave_back()
        .noted_once("the results are in s3://bucket/");
    assert!(!done.results().join("result").exists());
    assert_eq!(done.sample().collected.files, 1);
    assert_eq!(done.stored(".tar.gz"), ["result"]);
    let records = done.stored(".records.tar.gz");
    for record in [
        "collector/run.json",
        "collector/manifest.json",
        "config/version",
    ] {
        assert!(done.results().join(record).is_file(), "{record}");
        assert!(records.iter().any(|path| path == record), "{record}");
    }
    assert!(
        records
            .iter()
            .any(|path| path.ends_with("setup-setup-0.sh.log")),
        "{records:?}"
    );
}

#[test]
fn an_instance_that_cannot_send_has_its_results_collected_and_sent_from_this_machine() {
    let faults = Faults {
        storing: Some(Storing::Works),
        missing: Some("curl"),
        ..Faults::default()
    };
    let done = run().faults(faults).without_download().go();
    done.exits(0)
        .gave_back()
        .collected()
        .warned("did not get straight to the bucket, and are downloaded")
        .warned("the image has no curl\nhint: the image needs `curl`");
    assert!(done.stored(".tar.gz").contains(&"result".into()));
    assert_eq!(done.objects.len(), 1);
}

#[test]
fn what_cannot_be_packed_is_blamed_on_what_is_missing() {
    let faults = Faults {
        storing: Some(Storing::Works),
        missing: Some("split"),
        ..Faults::default()
    };
    let done = run().faults(faults).without_download().go();
    done.exits(0)
        .gave_back()
        .collected()
        .warned("split: command not found\nhint: the image needs a POSIX shell, bash, GNU tar");
}

#[test]
fn answers_that_are_lost_cost_nothing_of_what_goes_straight_to_the_bucket() {
    let done = to_bucket(Storing::Works)
        .without_download()
        .when(Trigger::Stage(Stage::Collect), Incident::LoseAnswers)
        .go();
    done.exits(0).gave_back();
    assert_eq!(done.stored(".tar.gz"), ["result"]);
    assert!(!done.results().join("result").exists());
}

#[test]
fn what_is_not_in_the_bucket_as_it_was_sent_is_collected() {
    let done = to_bucket(Storing::FirstDiffers).without_download().go();
    done.exits(0).gave_back().collected().warned("checksum");
    assert!(done.stored(".tar.gz").contains(&"result".into()));
}

#[test]
fn a_bucket_that_takes_nothing_costs_nothing_but_the_copy() {
    for scenario in [
        to_bucket(Storing::Refused),
        to_bucket(Storing::Refused).without_download(),
    ] {
        let done = scenario.go();
        done.exits(0)
            .gave_back()
            .collected()
            .warned("the archive is not in the bucket");
        assert!(done.has_archive() && done.objects.is_empty());
        assert_eq!(done.sample().stored, None);
    }
}

#[test]
fn results_that_neither_get_to_the_bucket_nor_to_this_machine_are_a_failure() {
    let done = to_bucket(Storing::Refused)
        .without_download()
        .when(Trigger::Storing, Incident::CutConnection)
        .go();
    done.exits(3)
        .gave_back()
        .warned("did not get straight to the bucket, and are downloaded");
    assert!(!done.sample().errors.is_empty());
    assert!(done.read("collector/run.json").contains("not get straight"));
}

#[test]
fn an_archive_that_is_not_kept_is_in_the_bucket_only() {
    let done = to_bucket(Storing::Works).without_archive().go();
    done.exits(0).collected();
    assert!(!done.has_archive());
    assert!(done.stored(".tar.gz").contains(&"result".into()));

    let done = to_bucket(Storing::Refused).without_archive().go();
    done.exits(0)
        .collected()
        .warned("the archive is not in the bucket");
    assert!(!done.has_archive());
}
