//! What a workflow run is about: a pull request, or a commit.

use serde_json::Value;

/// What an event's payload tells about the pull request that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
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
    /// Reads it from the name of the event, its payload, the ref and the commit of the run.
    pub fn of(event: &str, payload: &Value, git_ref: &str, sha: &str) -> Self {
        let number = match event {
            "issue_comment" => payload
                .pointer("/issue/pull_request")
                .and_then(|_| payload.pointer("/issue/number")?.as_u64()),
            "merge_group" => payload
                .pointer("/merge_group/head_ref")
                .and_then(Value::as_str)
                .and_then(queued),
            "workflow_run" => payload
                .pointer("/workflow_run/pull_requests/0/number")
                .and_then(Value::as_u64),
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
        Self::Commit {
            sha: sha.to_owned(),
            head: None,
        }
    }
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
        let subject = Subject::of("issue_comment", &payload, "refs/heads/main", SHA);
        assert!(matches!(subject, Subject::Commit { .. }));
        let payload = json!({ "issue": { "number": 7, "pull_request": {} } });
        let subject = Subject::of("issue_comment", &payload, "refs/heads/main", SHA);
        assert_eq!(subject, Subject::PullRequest(7));
    }

    #[test]
    fn the_workflow_run_of_a_fork_is_found_by_its_branch() {
        let payload = json!({ "workflow_run": {
            "pull_requests": [], "head_sha": "abc", "head_branch": "fix",
            "head_repository": { "owner": { "login": "mona" } },
        } });
        let subject = Subject::of("workflow_run", &payload, "refs/heads/main", SHA);
        assert_eq!(
            subject,
            Subject::Commit {
                sha: "abc".into(),
                head: Some("mona:fix".into())
            }
        );
    }

    #[test]
    fn a_merge_ref_tells_what_the_payload_does_not() {
        let subject = Subject::of("workflow_dispatch", &Value::Null, "refs/pull/12/merge", SHA);
        assert_eq!(subject, Subject::PullRequest(12));
    }
}
