//! Rows come and go in any order, and a comment holds them all.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::markdown::testing::{self, HOSTILE};
use super::*;
use crate::instance::LOCAL_REGION;

fn key() -> CommentKey {
    CommentKey {
        workflow: "CI".into(),
        config: "bench/config.yml".into(),
    }
}

fn row(number: u64) -> Row {
    Row {
        run: 19_876_543_210,
        attempt: 1,
        finished: Timestamp::UNIX_EPOCH
            + SignedDuration::from_micros(1_234_567_890 * i64::try_from(number).unwrap()),
        job: JobKey::new("measure", "collect", &format!("{{\"n\":{number}}}")),
        label: format!("measure (c7i.large, {number})"),
        revision: "0123456789abcdef0123456789abcdef01234567".into(),
        outcome: Outcome::Passed,
        took: 187 + number,
        instance: Some(Machine {
            id: InstanceId::new(format!("i-{}", fingerprint(&[&number.to_string()]))),
            instance_type: Some("c7i.large".into()),
            region: "eu-central-1".into(),
        }),
        files: 12,
        bytes: 3000 * number,
        artifact_url: Some(format!(
            "https://github.example/octo-org/octo-repo/actions/runs/19876543210/artifacts/{}",
            4_123_456_789 + 7919 * number
        )),
        run_url: "https://github.example/octo-org/octo-repo/actions/runs/19876543210".into(),
        error: None,
        comparison: None,
        timed_out: 0,
        sample: None,
    }
}

/// Rows of a few jobs, runs and attempts, so that they are often in each other's way.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let any_row = (0..4_u64, 1..3_u64, 1..3_u32, 0..3_i64, 0..2_u64).prop_map(
        |(job, run, attempt, seconds, files)| Row {
            run,
            attempt,
            finished: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds),
            files,
            ..row(job)
        },
    );
    prop::collection::vec(any_row, 0..8)
}

#[test]
fn every_job_of_a_full_matrix_stays_and_is_shown() {
    let table: Rows = (1..=256).rev().map(row).collect();
    let body = table.body(&key());
    assert!(body.len() <= MAX_BYTES);
    assert_eq!(Rows::parse(&body, &key()), Some(table));
    let page = testing::page(&body);
    assert_eq!(page.len(), 3 + 256);
    assert_eq!(
        page[..5],
        [
            "collector: ✅ 256 jobs passed",
            "CI, bench/config.yml, revision 0123456789, c7i.large, eu-central-1, workflow run",
            "job result time results",
            "measure (c7i.large, 1) ✅ passed 3m08s 12 files, 2.93 KiB",
            "measure (c7i.large, 2) ✅ passed 3m09s 12 files, 5.86 KiB",
        ]
    );
}

#[test]
fn what_failed_is_told_and_what_leaked_comes_first() {
    let failed = Row {
        outcome: Outcome::StepFailed,
        error: Some("measure.sh ended with status 2".into()),
        revision: "v2".into(),
        artifact_url: None,
        ..row(2)
    };
    let leaked = Row {
        outcome: Outcome::Leaked,
        ..row(3)
    };
    let unknown = Row {
        outcome: Outcome::Leaked,
        instance: None,
        ..row(4)
    };
    let table: Rows = [row(1), failed, leaked, unknown].into_iter().collect();
    let page = testing::page(&table.body(&key()));
    let revision = "0123456789";
    let id = row(3).instance.unwrap().id;
    assert_eq!(
        page,
        [
            "collector: ❌ 3 of 4 jobs did not pass",
            "CI, bench/config.yml, workflow run",
            &format!(
                "instance {id} in eu-central-1 may still be running and cost money: look at it in the AWS console"
            ),
            "an instance of measure (c7i.large, 4) may be running and cost money: see the workflow run",
            "job result time revision instance results",
            &format!(
                "measure (c7i.large, 1) ✅ passed 3m08s {revision} c7i.large, eu-central-1 12 files, 2.93 KiB"
            ),
            "measure (c7i.large, 2) ❌ failed 3m09s v2 c7i.large, eu-central-1 12 files, 5.86 KiB",
            &format!(
                "measure (c7i.large, 3) ❌ the instance may still be running 3m10s {revision} c7i.large, eu-central-1 12 files, 8.79 KiB"
            ),
            &format!(
                "measure (c7i.large, 4) ❌ the instance may still be running 3m11s {revision} 12 files, 11.72 KiB"
            ),
            "measure (c7i.large, 2): measure.sh ended with status 2",
        ]
    );
}

#[test]
fn what_is_left_of_a_rehearsal_is_not_on_a_page_of_aws() {
    let leaked = Row {
        outcome: Outcome::Leaked,
        instance: Some(Machine {
            id: InstanceId::new("local-1"),
            instance_type: None,
            region: LOCAL_REGION.into(),
        }),
        ..row(1)
    };
    let body = Rows::from(leaked).body(&key());
    assert!(
        testing::page(&body).contains(&"instance local-1 in local may still be running".into())
    );
    assert!(!body.contains("console.aws"), "{body}");
}

#[test]
fn the_first_job_of_a_matrix_does_not_speak_for_the_others() {
    let head = |row: Row| testing::page(&Rows::from(row).body(&key())).remove(0);
    assert_eq!(head(row(1)), "collector: ✅ 1 job passed");
    let alone = Row {
        label: "measure".into(),
        ..row(1)
    };
    assert_eq!(head(alone), "collector: ✅ passed");
}

#[test]
fn samples_of_one_job_are_no_jobs() {
    let sample = |number: u32| Row {
        label: format!("measure ({number})"),
        sample: Some(number),
        ..row(number.into())
    };
    let page = |rows: Vec<Row>| testing::page(&rows.into_iter().collect::<Rows>().body(&key()));
    let three = page((1..=3).map(sample).collect());
    assert_eq!(three[0], "collector: ✅ 3 samples passed");
    assert_eq!(three[2], "sample result time results");
    // The only sample of another job is one, too.
    let failed = Row {
        outcome: Outcome::StepFailed,
        ..row(9)
    };
    let mixed = page(vec![sample(1), sample(2), failed]);
    assert_eq!(mixed[0], "collector: ❌ 1 of 3 samples did not pass");
}

#[test]
fn one_file_is_one_file_and_a_commit_is_a_link() {
    let quick = Row {
        files: 1,
        took: 0,
        ..row(1)
    };
    let body = Rows::from(quick).body(&key());
    assert!(body.contains("1 file, ") && !body.contains("0ms"), "{body}");
    let commit =
        "https://github.example/octo-org/octo-repo/commit/0123456789abcdef0123456789abcdef01234567";
    assert!(body.contains(&format!("({commit})")), "{body}");
}

#[test]
fn few_errors_are_seen_at_once_and_many_on_a_click() {
    let failed = |number| Row {
        outcome: Outcome::StepFailed,
        error: Some("why".into()),
        ..row(number)
    };
    for (jobs, folded) in [(1, false), (3, false), (4, true)] {
        let table: Rows = (0..jobs).map(failed).collect();
        assert_eq!(table.body(&key()).contains("<details>"), folded, "{jobs}");
    }
}

#[test]
fn only_a_comment_of_this_key_is_read() {
    let body = Rows::from(row(1)).body(&key());
    let other = CommentKey {
        config: "other.yml".into(),
        ..key()
    };
    assert_eq!(Rows::parse(&body, &other), None);
    assert_eq!(Rows::parse(&format!("quoted:\n{body}"), &key()), None);
    assert_eq!(Rows::parse("", &key()), None);
    let joined = CommentKey {
        workflow: "CIbench".into(),
        config: "/config.yml".into(),
    };
    assert_ne!(joined.marker(), key().marker());
    assert_eq!(
        Rows::parse(&body.replace('\n', "\r\n"), &key()),
        Some(row(1).into())
    );
}

#[test]
fn a_comment_that_was_tampered_with_is_written_anew() {
    let marker = key().marker();
    let bomb = packed_bytes(&vec![b' '; 64 << 20]);
    for hidden in [
        "",
        "<!-- rows: -->",
        "<!-- rows:AAAA -->",
        "<!-- rows:%% -->",
        &format!("{HIDDEN}{bomb}{END}"),
    ] {
        assert_eq!(
            Rows::parse(&format!("{marker}\n{hidden}\n"), &key()),
            Some(Rows::default()),
            "{hidden:.40}"
        );
    }
}

fn packed_bytes(bytes: &[u8]) -> String {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    io::Write::write_all(&mut packed, bytes).unwrap();
    STANDARD.encode(packed.finish().unwrap())
}

#[test]
fn what_does_not_fit_is_left_out_cleanly() {
    for word in ["日$", "@a", "a`|"] {
        let table = |jobs: u64| -> Rows {
            let noise = |number: u64| {
                (0..20)
                    .map(|n| fingerprint(&[&format!("{number}/{n}")]))
                    .collect::<String>()
            };
            let rows = (0..jobs).map(|number| {
                Rows::from(Row {
                    label: format!("{number} {}", word.repeat(40)),
                    error: Some(noise(number)),
                    outcome: Outcome::Leaked,
                    ..row(number)
                })
            });
            rows.fold(Rows::default(), Rows::merge)
        };
        let body = table(256).body(&key());
        assert!(body.len() <= MAX_BYTES, "{}", body.len());
        let page = testing::page(&body);
        for rest in ["more instances", "more jobs", "more errors"] {
            assert!(page.iter().any(|part| part.ends_with(rest)), "{rest}");
        }
        let read = Rows::parse(&body, &key()).unwrap();
        assert_eq!(read.rows.len(), 256);
        assert!((0..256).all(|number| read.contains(&row(number))));
        // Far more than a workflow may have.
        assert!(table(600).body(&key()).len() <= MAX_BYTES);
    }
}

proptest! {
    #[test]
    fn joining_is_commutative_associative_and_idempotent(a in rows(), b in rows(), c in rows()) {
        let table = |rows: &[Row]| rows.iter().cloned().collect::<Rows>();
        let (x, y, z) = (table(&a), table(&b), table(&c));
        prop_assert_eq!(x.clone().merge(y.clone()), y.clone().merge(x.clone()));
        prop_assert_eq!(
            x.clone().merge(y.clone()).merge(z.clone()),
            x.clone().merge(y.clone().merge(z.clone()))
        );
        prop_assert_eq!(x.clone().merge(x.clone()), x.clone());
        let all = [a.clone(), b, c].concat();
        let joined = x.merge(y).merge(z);
        prop_assert_eq!(&joined, &table(&all));
        prop_assert!(all.iter().all(|row| joined.contains(row)));
        let newest = all.iter().map(|row| row.run).max();
        prop_assert!(joined.rows.values().all(|row| Some(row.run) == newest));
    }

    #[test]
    fn a_sheet_lacks_what_is_newer(rows in rows(), job in 0..4_u64) {
        let table: Rows = rows.into_iter().collect();
        let newer = Row { run: 3, ..row(job) };
        prop_assert!(!table.contains(&newer));
        let next = Row { run: table.run().unwrap_or(1), attempt: 9, ..row(job) };
        prop_assert!(!table.contains(&next));
        prop_assert!(table.merge(next.clone().into()).contains(&next));
    }

    #[test]
    fn nothing_from_outside_takes_effect(word in HOSTILE, workflow in HOSTILE) {
        let hostile = |number| Rows::from(Row {
            label: format!("{number} {word}"),
            error: Some(format!("error {word}")),
            revision: format!("{number}{word}"),
            outcome: Outcome::StepFailed,
            ..row(number)
        });
        let table = hostile(1).merge(hostile(2));
        let key = CommentKey { workflow: format!("w{workflow}"), config: word.clone() };
        let body = table.body(&key);
        prop_assert_eq!(Rows::parse(&body, &key), Some(table));
        prop_assert_eq!(testing::page(&body).len(), 7);
    }

    #[test]
    fn reading_never_panics(text in HOSTILE, hidden in "[A-Za-z0-9+/=]{0,40}") {
        Rows::parse(&format!("{}\n{HIDDEN}{hidden}{END}\n{text}", key().marker()), &key());
        Rows::parse(&text, &key());
    }
}
