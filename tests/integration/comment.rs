//! One comment a pull request, config and workflow, against GitHub's own description of its API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::command::{Finished, Running, run};
use crate::fake_github::{FakeGitHub, Job, SHA};
use crate::workflow::{quick_sandbox, step};

/// A commit of a fork.
const FORKED: &str = "3484a3fb816e0859fd6e1cea078d76385ff50625";

fn measured(job: &mut Job, inputs: &[(&str, &str)]) -> Finished {
    run(step(&quick_sandbox(), job, inputs)).expect(0)
}

/// A job for a pull request.
fn job_for(github: &FakeGitHub, number: u64) -> Job {
    let mut job = github.job();
    job.event(
        "pull_request",
        &json!({ "pull_request": { "number": number } }),
    );
    job
}

#[track_caller]
fn the_comment(github: &FakeGitHub, number: u64) -> String {
    let comments = github.comments(number);
    let ours: Vec<&Value> = comments
        .iter()
        .filter(|comment| comment["login"] == "github-actions[bot]")
        .collect();
    assert_eq!(ours.len(), 1, "{comments:#?}");
    ours[0]["body"].as_str().unwrap().to_owned()
}

/// GitHub's example of an event, the first that fits.
fn example(event: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let examples: Value =
        serde_json::from_slice(&std::fs::read(FakeGitHub::examples()).unwrap()).unwrap();
    let events = examples.as_array().unwrap().iter();
    let mut examples = events
        .filter(|entry| entry["name"] == event)
        .flat_map(|entry| entry["examples"].as_array().unwrap());
    examples.find(|example| fits(example)).unwrap().clone()
}

#[test]
fn the_pull_request_of_every_event_is_found() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    let any = |_: &Value| true;
    let mut on_pull_request = example("issue_comment", any);
    on_pull_request["issue"]["pull_request"] = json!({});
    on_pull_request["issue"]["number"] = json!(11);
    let named = |run: &Value| run.pointer("/workflow_run/pull_requests/0").is_some();
    // In GitHub's example the pull request goes into another repository.
    let mut ours = example("workflow_run", named);
    ours["workflow_run"]["pull_requests"][0]["base"]["repo"]["id"] =
        ours["repository"]["id"].clone();
    let mut forked = example("workflow_run", |run| {
        !named(run) && run["workflow_run"]["head_sha"] == FORKED
    });
    forked["workflow_run"]["head_repository"]["owner"]["login"] = json!("mona");
    forked["workflow_run"]["head_branch"] = json!("fix");
    let by_commit = example("workflow_run", |run| {
        !named(run) && run["workflow_run"]["head_sha"] != FORKED
    });
    let by_commit_sha = by_commit["workflow_run"]["head_sha"]
        .as_str()
        .unwrap()
        .to_owned();
    let pushed = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    for (event, payload, number, sha, pull) in [
        (
            "pull_request",
            example("pull_request", any),
            2,
            SHA,
            json!({}),
        ),
        ("issue_comment", on_pull_request, 11, SHA, json!({})),
        (
            "merge_group",
            example("merge_group", any),
            104,
            SHA,
            json!({}),
        ),
        ("workflow_run", ours, 2, SHA, json!({})),
        (
            "workflow_run",
            forked,
            12,
            SHA,
            json!({ "head": "fix", "head_repository": "mona/octo-repo" }),
        ),
        (
            "workflow_run",
            by_commit,
            13,
            SHA,
            json!({ "sha": by_commit_sha }),
        ),
        (
            "push",
            example("push", |push| push["after"] == pushed),
            14,
            pushed,
            json!({ "sha": pushed }),
        ),
    ] {
        let mut seed = json!({ "number": number, "sha": "0".repeat(40) });
        seed.as_object_mut()
            .unwrap()
            .extend(pull.as_object().unwrap().clone());
        github.add_pull(&seed);
        let mut job = github.job();
        // Another workflow for each, so that each has a comment of its own.
        job.event(event, &payload)
            .set("GITHUB_SHA", sha)
            .set("GITHUB_WORKFLOW", &format!("{event} {number}"));
        let before = github.comments(number).len();
        let finished = measured(&mut job, &[]);
        assert_eq!(
            github.comments(number).len(),
            before + 1,
            "{event} {number}: {}",
            finished.stdout
        );
    }
}

#[test]
fn a_comment_is_updated_in_place_wherever_it_stands_and_others_are_left_alone() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    measured(&mut job_for(&github, 7), &[]);
    let first = the_comment(&github, 7);
    let marker = first.lines().next().unwrap().to_owned();
    github.add_comment(&json!({ "issue": 8, "login": "mallory", "body": format!("{first} mine") }));
    for number in 0..230 {
        github.add_comment(
            &json!({ "issue": 8, "login": "octocat", "body": format!("comment {number}") }),
        );
    }
    measured(&mut job_for(&github, 8), &[("description", "first")]);
    measured(&mut job_for(&github, 8), &[("description", "second")]);
    let body = the_comment(&github, 8);
    assert!(body.starts_with(&marker), "{body}");
    assert_eq!(github.comments(8).len(), 232);
    let mallory = github.comments(8).remove(0);
    assert!(
        mallory["body"].as_str().unwrap().ends_with(" mine"),
        "somebody else's comment was written"
    );

    // Another workflow has another comment.
    measured(job_for(&github, 7).set("GITHUB_WORKFLOW", "Other"), &[]);
    assert_eq!(github.comments(7).len(), 2);
}

#[test]
fn sixteen_jobs_at_once_converge_on_one_comment_with_every_row() {
    const JOBS: u64 = 16;
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    github.latency(0.4);
    let mut jobs: Vec<_> = (0..JOBS)
        .map(|_| (quick_sandbox(), job_for(&github, 7)))
        .collect();
    let running: Vec<Running> = jobs
        .iter_mut()
        .enumerate()
        .map(|(sample, (sandbox, job))| {
            let matrix = json!({ "sample": sample }).to_string();
            Running::spawn(step(sandbox, job, &[("matrix", &matrix)]))
        })
        .collect();
    for job in running {
        job.finish().expect(0).logs("commented: ");
    }
    let body = the_comment(&github, 7);
    let rows: BTreeSet<&str> = body
        .lines()
        .filter(|line| line.starts_with("| measure ("))
        .collect();
    assert_eq!(rows.len() as u64, JOBS, "{body}");
    let writes = github
        .requests("/comments")
        .iter()
        .filter(|request| request["method"] != "GET")
        .count();
    crate::command::say(&format!(
        "16 jobs wrote {writes} times until their comment had all of their rows"
    ));
    // Without some overlap nothing was shown.
    assert!(writes > 16, "{writes}");
}

/// The rows of the table in a comment, without the times and the links, which no two jobs share.
fn rows(body: &str) -> BTreeSet<String> {
    let rows = body.lines().filter(|line| line.starts_with("| measure ("));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let results = cells.last().unwrap().split(']').next().unwrap();
        format!("{} {} {results}", cells[0], cells[1])
    })
    .collect()
}

#[test]
fn a_job_with_samples_has_the_rows_that_a_matrix_of_jobs_has() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    for number in [7, 8] {
        github.add_pull(&json!({ "number": number, "sha": SHA }));
    }
    for sample in 1..=3 {
        let matrix = json!({ "sample": sample }).to_string();
        measured(&mut job_for(&github, 7), &[("matrix", &matrix)]);
    }
    let sandbox = quick_sandbox();
    let main = "performance_results: out.csv\nsamples: 3";
    sandbox.config(main, "run:\n  - measure.sh\n");
    run(step(&sandbox, &mut job_for(&github, 8), &[])).expect(0);
    let (of_matrix, of_samples) = (the_comment(&github, 7), the_comment(&github, 8));
    assert_eq!(rows(&of_matrix).len(), 3, "{of_matrix}");
    assert_eq!(rows(&of_matrix), rows(&of_samples), "{of_samples}");
    assert!(of_matrix.contains("✅ 3 jobs passed"), "{of_matrix}");
    assert!(of_samples.contains("✅ 3 samples passed"), "{of_samples}");
    for artifact in github.artifacts() {
        let link = format!("/artifacts/{}", artifact["id"]);
        assert!(
            (of_matrix.clone() + &of_samples).contains(&link),
            "{artifact}"
        );
    }
}

#[test]
fn a_token_that_may_not_write_is_one_warning_and_no_failure() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let token = github.read_only_token();
    let finished = measured(&mut job_for(&github, 7), &[("github-token", &token)]);
    let warnings: Vec<&str> = finished
        .stdout
        .lines()
        .filter(|line| line.contains("no comment"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", finished.stdout);
    assert!(warnings[0].starts_with("::warning "));
    assert!(
        warnings[0].contains("permissions:%0A  contents: read%0A  pull-requests: write%0A"),
        "{}",
        warnings[0]
    );
    assert!(warnings[0].contains("Resource not accessible by integration"));
    assert!(github.comments(7).is_empty());

    let none = measured(&mut job_for(&github, 7), &[("github-token", "")]);
    none.logs("the input `github-token` is empty");
}

#[test]
fn a_commit_without_a_pull_request_is_commented_only_when_that_is_asked_for() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    let push = json!({ "ref": "refs/heads/main", "after": SHA });
    for (comment, comments) in [("auto", 0), ("always", 1), ("always", 1)] {
        let mut job = github.job();
        job.event("push", &push);
        measured(&mut job, &[("comment", comment)]);
        assert_eq!(github.commit_comments(SHA).len(), comments, "{comment}");
    }
    github.add_pull(&json!({ "number": 9, "sha": SHA, "state": "closed" }));
    let mut job = github.job();
    measured(job.event("push", &push), &[]).logs("belongs to no open pull request");
    let before = github.requests("/repos/").len();
    measured(&mut job_for(&github, 9), &[("comment", "never")]);
    assert_eq!(github.requests("/repos/").len(), before);
}

#[test]
fn what_passes_is_waited_for_and_nothing_is_written_twice() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    let limited = json!({ "method": "POST", "path": "/comments", "status": 429, "body": { "message": "secondary rate limit" }, "headers": { "Retry-After": "1" } });
    let broken = json!({ "method": "GET", "path": "/comments", "status": 500, "body": "oops" });
    // The comment is written, but nobody says so.
    let lost = json!({ "method": "POST", "path": "/comments", "reset": "after" });
    for (number, faults) in [(1, vec![limited, broken]), (2, vec![lost])] {
        github.add_pull(&json!({ "number": number, "sha": SHA }));
        for fault in &faults {
            github.fault(fault);
        }
        measured(&mut job_for(&github, number), &[]).logs("commented: ");
        the_comment(&github, number);
    }
    // Finding the pull request of a push is tried again too.
    github.add_pull(&json!({ "number": 4, "sha": FORKED }));
    github.fault(&json!({ "path": "/pulls", "status": 502, "body": "" }));
    let mut push = github.job();
    push.event("push", &json!({ "after": FORKED }))
        .set("GITHUB_SHA", FORKED);
    measured(&mut push, &[]).logs("commented: ");
    the_comment(&github, 4);
    // What does not pass is told, and is no failure.
    github.add_pull(&json!({ "number": 3, "sha": SHA }));
    github.fault(&json!({ "path": "/comments", "status": 422, "body": { "message": "Validation Failed" }, "count": -1 }));
    measured(&mut job_for(&github, 3), &[])
        .logs("::warning title=collector::no comment: 422: Validation Failed");
}

#[test]
fn the_token_of_a_person_finds_that_persons_comment() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let token = github.user_token();
    for _ in 0..2 {
        measured(&mut job_for(&github, 7), &[("github-token", &token)]);
    }
    let comments = github.comments(7);
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0]["login"], "octocat");
}

#[test]
fn the_token_of_an_app_finds_its_comment_at_once() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    let token = github.app_token();
    for _ in 0..2 {
        measured(&mut job_for(&github, 7), &[("github-token", &token)]);
    }
    let comments = github.comments(7);
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0]["login"], "reports[bot]");
    let created = github.requests("/comments");
    let created = created.iter().filter(|request| request["method"] == "POST");
    assert_eq!(created.count(), 1, "the second run wrote a comment anew");
}

#[test]
fn a_pull_request_that_only_contains_the_commit_is_another_one() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    // Stacked on the branch that was pushed, and older.
    github.add_pull(&json!({ "number": 5, "sha": FORKED, "head": "stacked", "commits": [SHA] }));
    let push = |git_ref: &str| {
        let mut job = github.job();
        job.event("push", &json!({ "after": SHA }))
            .set("GITHUB_REF", git_ref);
        measured(&mut job, &[])
    };
    push("refs/heads/feature").logs("belongs to no open pull request");
    // The branch has gone on since the push.
    github.add_pull(
        &json!({ "number": 6, "sha": "1".repeat(40), "head": "feature", "commits": [SHA] }),
    );
    push("refs/heads/feature").logs("commented: ");
    // A tag has no branch: the commit tells.
    github.add_pull(&json!({ "number": 7, "sha": SHA, "head": "tagged" }));
    push("refs/tags/v1").logs("commented: ");
    let comments = [5, 6, 7].map(|number| github.comments(number).len());
    assert_eq!(comments, [0, 1, 1]);
}

#[test]
fn a_locked_conversation_needs_no_permissions() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    github.fault(
        &json!({ "method": "POST", "path": "/comments", "status": 403, "count": -1,
        "body": { "message": "Unable to create comment because issue is locked." } }),
    );
    let finished = measured(&mut job_for(&github, 7), &[]);
    finished.logs("no comment: the conversation is locked");
    assert!(
        !finished.stdout.contains("permissions:"),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_rerun_of_an_older_run_says_that_its_row_is_not_shown() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    github.add_pull(&json!({ "number": 7, "sha": SHA }));
    measured(job_for(&github, 7).set("GITHUB_RUN_ID", "900"), &[]).logs("commented: ");
    let older = measured(job_for(&github, 7).set("GITHUB_RUN_ID", "800"), &[]);
    older.logs("no comment: a newer workflow run has the comment: ");
    assert!(!older.stdout.contains("commented: "), "{}", older.stdout);
}
