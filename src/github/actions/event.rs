//! The subject of a workflow run: a pull request, or a commit.

use serde_json::Value;

/// The pull request in an event's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// This one.
    PullRequest(u64),
    /// Perhaps one that this commit is the head of; GitHub has to be asked.
    Commit {
        /// The commit.
        sha: String,
        /// `owner:branch` that it was pushed to, where the payload names it: commits of forks are found by it only.
        head: Option<String>,
    },
}

impl Subject {
    /// Reads it from the name of the event, its payload, the ref and the commit of the run, and the repository.
    pub(crate) fn of(
        event: &str,
        payload: &Value,
        git_ref: &str,
        sha: &str,
        repository: &str,
    ) -> Self {
        let number = match event {
            "issue_comment" => payload
                .pointer("/issue/pull_request")
                .and_then(|_| payload.pointer("/issue/number")?.as_u64()),
            "merge_group" => payload
                .pointer("/merge_group/head_ref")
                .and_then(Value::as_str)
                .and_then(queued),
            "workflow_run" => triggering(payload),
            // All events about pull requests and their reviews.
            _ => payload
                .pointer("/pull_request/number")
                .and_then(Value::as_u64),
        };
        if let Some(number) = number.or_else(|| merge_ref(git_ref)) {
            return Self::PullRequest(number);
        }
        let text = |pointer: &str| {
            let text = payload.pointer(pointer).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        if event == "workflow_run" {
            let owner = text("/workflow_run/head_repository/owner/login");
            let branch = text("/workflow_run/head_branch");
            return Self::Commit {
                sha: text("/workflow_run/head_sha").unwrap_or_else(|| sha.to_owned()),
                head: owner
                    .zip(branch)
                    .map(|(owner, branch)| format!("{owner}:{branch}")),
            };
        }
        let branch = git_ref.strip_prefix("refs/heads/");
        let owner = repository.split('/').next();
        Self::Commit {
            sha: sha.to_owned(),
            head: owner
                .zip(branch)
                .map(|(owner, branch)| format!("{owner}:{branch}")),
        }
    }
}

/// The commit at the head of the pull request or the branch that an event is about, where its payload has it.
pub(crate) fn head<'p>(event: &str, payload: &'p Value) -> Option<&'p str> {
    let pointer = match event {
        "workflow_run" => "/workflow_run/head_sha",
        "merge_group" => "/merge_group/head_sha",
        // All events about pull requests and their reviews.
        _ => "/pull_request/head/sha",
    };
    payload.pointer(pointer)?.as_str()
}

/// The way to the commit that a measured one came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is this one.
    Commit(String),
    /// It is the merge base with this commit.
    MergeBase(String),
    /// It is the first parent.
    FirstParent,
    /// Nothing tells.
    Unknown,
}

/// The way to the commit that `revision` came from, by the event that it belongs to.
pub(crate) fn origin(event: &str, payload: &Value, revision: &str) -> Origin {
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    if event == "push" {
        // A new branch has nothing before it.
        let before = text("/before").filter(|sha| sha.contains(|c| c != '0'));
        return before.map_or(Origin::Unknown, |sha| Origin::Commit(sha.to_owned()));
    }
    if event == "merge_group" {
        let base = text("/merge_group/base_sha");
        return base.map_or(Origin::Unknown, |sha| Origin::Commit(sha.to_owned()));
    }
    match text("/pull_request/base/sha") {
        Some(base) if head(event, payload) == Some(revision) => Origin::MergeBase(base.to_owned()),
        // The merge commit that GitHub makes of a pull request.
        Some(_) => Origin::FirstParent,
        None => Origin::Unknown,
    }
}

/// Whether the commit of a workflow run is the default branch's, whatever its event is about.
pub(crate) fn is_elsewhere(event: &str) -> bool {
    matches!(
        event,
        "pull_request_target" | "issue_comment" | "workflow_run"
    )
}

/// The pull request into this repository that a workflow run was for: the list has those into forks and from the same
/// branch too.
fn triggering(payload: &Value) -> Option<u64> {
    let repository = payload.pointer("/repository/id")?.as_u64()?;
    let sha = payload.pointer("/workflow_run/head_sha");
    let listed = payload.pointer("/workflow_run/pull_requests")?.as_array()?;
    let ours =
        |pull: &&Value| pull.pointer("/base/repo/id").and_then(Value::as_u64) == Some(repository);
    let ends_with_commit = |pull: &&Value| pull.pointer("/head/sha") == sha;
    let pull = listed.iter().filter(ours).find(ends_with_commit);
    let pull = pull.or_else(|| listed.iter().find(ours));
    pull?.get("number")?.as_u64()
}

/// `gh-readonly-queue/<base>/pr-<number>-<sha>`: the branch that a merge queue tests.
fn queued(head_ref: &str) -> Option<u64> {
    let (_, queue) = head_ref.split_once("gh-readonly-queue/")?;
    let (_, name) = queue.rsplit_once('/')?;
    name.strip_prefix("pr-")?.split('-').next()?.parse().ok()
}

/// `refs/pull/<number>/merge`, or `head`.
fn merge_ref(git_ref: &str) -> Option<u64> {
    let rest = git_ref.strip_prefix("refs/pull/")?;
    rest.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHA: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn a_merge_queue_names_the_pull_request_in_its_branch() {
        let branch = |name: &str| queued(name);
        assert_eq!(
            branch("refs/heads/gh-readonly-queue/main/pr-104-abc"),
            Some(104)
        );
        assert_eq!(
            branch("refs/heads/gh-readonly-queue/release/1.x/pr-7-abc"),
            Some(7)
        );
        assert_eq!(branch("refs/heads/main"), None);
    }

    #[test]
    fn a_comment_on_an_issue_is_not_about_a_pull_request() {
        let payload = json!({ "issue": { "number": 7 } });
        let subject = Subject::of("issue_comment", &payload, "refs/heads/main", SHA, "o/r");
        assert!(matches!(subject, Subject::Commit { .. }));
        let payload = json!({ "issue": { "number": 7, "pull_request": {} } });
        let subject = Subject::of("issue_comment", &payload, "refs/heads/main", SHA, "o/r");
        assert_eq!(subject, Subject::PullRequest(7));
    }

    #[test]
    fn the_workflow_run_of_a_fork_is_found_by_its_branch() {
        let payload = json!({ "workflow_run": {
            "pull_requests": [], "head_sha": "abc", "head_branch": "fix",
            "head_repository": { "owner": { "login": "mona" } },
        } });
        let subject = Subject::of("workflow_run", &payload, "refs/heads/main", SHA, "o/r");
        assert_eq!(
            subject,
            Subject::Commit {
                sha: "abc".into(),
                head: Some("mona:fix".into())
            }
        );
    }

    #[test]
    fn a_workflow_run_is_for_the_pull_request_into_this_repository() {
        let pull = |number: u64, repository: u64, sha: &str| json!({ "number": number, "head": { "sha": sha }, "base": { "repo": { "id": repository } } });
        for (listed, subject) in [
            (vec![pull(1, 8, "abc"), pull(2, 7, "abc")], Some(2)),
            (vec![pull(1, 7, "old"), pull(2, 7, "abc")], Some(2)),
            (vec![pull(1, 7, "newer")], Some(1)),
            (vec![pull(1, 8, "abc")], None),
        ] {
            let payload = json!({ "repository": { "id": 7 },
                "workflow_run": { "pull_requests": listed, "head_sha": "abc" } });
            let found = Subject::of("workflow_run", &payload, "refs/heads/main", SHA, "o/r");
            let number = match found {
                Subject::PullRequest(number) => Some(number),
                Subject::Commit { .. } => None,
            };
            assert_eq!(number, subject, "{payload}");
        }
    }

    #[test]
    fn the_head_of_what_an_event_is_about_is_in_its_payload() {
        let payload = json!({
            "pull_request": { "head": { "sha": "a" } },
            "workflow_run": { "head_sha": "b" },
            "merge_group": { "head_sha": "c" },
        });
        for (event, sha) in [
            ("pull_request", "a"),
            ("pull_request_target", "a"),
            ("pull_request_review_comment", "a"),
            ("workflow_run", "b"),
            ("merge_group", "c"),
        ] {
            assert_eq!(head(event, &payload), Some(sha), "{event}");
        }
        assert_eq!(head("push", &Value::Null), None);
        assert!(is_elsewhere("issue_comment") && !is_elsewhere("pull_request"));
    }

    #[test]
    fn the_branch_of_a_push_is_known() {
        let subject = Subject::of("push", &Value::Null, "refs/heads/a/b", SHA, "o/r");
        let head = Some("o:a/b".into());
        assert_eq!(
            subject,
            Subject::Commit {
                sha: SHA.into(),
                head
            }
        );
        let subject = Subject::of("push", &Value::Null, "refs/tags/v1", SHA, "o/r");
        assert!(matches!(subject, Subject::Commit { head: None, .. }));
    }

    #[test]
    fn a_merge_ref_tells_what_the_payload_does_not() {
        let subject = Subject::of(
            "workflow_dispatch",
            &Value::Null,
            "refs/pull/12/merge",
            SHA,
            "o/r",
        );
        assert_eq!(subject, Subject::PullRequest(12));
    }
}
