//! The environment of a step in a job, parsed once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::Value;

/// Where the artifact service is, and the job's right to use it. Actions have it, `run:` steps do not.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// `ACTIONS_RESULTS_URL`.
    pub results_url: String,
    /// `ACTIONS_RUNTIME_TOKEN`.
    pub token: SecretString,
}

/// Where ID tokens are asked for; only jobs with `id-token: write` have it.
#[derive(Debug, Clone)]
pub struct IdTokenRequest {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`, with a query already.
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub token: SecretString,
}

/// The files through which a step answers its runner; each is missing where the runner has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFiles {
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
    /// `GITHUB_STATE`: what the post step will know.
    pub state: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
}

/// The job that this process is a step of.
#[derive(Debug, Clone)]
pub struct WorkflowJob {
    /// The checkout, without links in its path; relative paths start here.
    pub workspace: PathBuf,
    /// The runner's directory for what lasts as long as the job (`RUNNER_TEMP`).
    pub temp: Option<PathBuf>,
    /// `owner/name`.
    pub repository: String,
    /// The web site, without a slash at its end.
    pub server_url: String,
    /// The REST API, without a slash at its end.
    pub api_url: String,
    /// The GraphQL API.
    pub graphql_url: String,
    /// The workflow's name.
    pub workflow: String,
    /// The job's key in its workflow file; the jobs of a matrix share it.
    pub job: String,
    /// The identity of this step among those of the job.
    pub action: String,
    /// The workflow run.
    pub run_id: u64,
    /// Its attempt, from 1.
    pub run_attempt: u32,
    /// The commit that the event is about.
    pub sha: String,
    /// The branch, tag or pull request that the event is about.
    pub git_ref: String,
    /// The event's name.
    pub event_name: String,
    /// The event's payload.
    pub event_path: Option<PathBuf>,
    /// The most that the repository allows, in days.
    pub retention_days: Option<u32>,
    /// The files to answer through.
    pub files: AnswerFiles,
    /// The artifact service.
    pub runtime: Option<Runtime>,
    /// The source of ID tokens.
    pub id_tokens: Option<IdTokenRequest>,
    /// Somebody has asked for more in the log (`RUNNER_DEBUG`).
    pub debug: bool,
}

impl WorkflowJob {
    /// The job of this process; `None` outside of GitHub Actions.
    pub fn current() -> Option<Self> {
        Self::from_variables(|name| env::var(name).ok())
    }

    /// Reads the variables as the runner sets them; an empty one counts as missing.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let text = |name: &str| given(name).unwrap_or_default();
        let url = |name: &str, default: &str| {
            let url = given(name).unwrap_or_else(|| default.into());
            url.trim_end_matches('/').to_owned()
        };
        let path = |name: &str| given(name).map(PathBuf::from);
        given("GITHUB_ACTIONS").filter(|value| value == "true")?;
        let api_url = url("GITHUB_API_URL", "https://api.github.com");
        // A server of somebody's own has its REST API at `/api/v3`.
        let graphql_url = format!("{}/graphql", api_url.trim_end_matches("/v3"));
        Some(Self {
            workspace: path("GITHUB_WORKSPACE")
                .and_then(|directory| fs::canonicalize(directory).ok())
                .or_else(|| env::current_dir().ok())
                .unwrap_or_else(|| ".".into()),
            temp: path("RUNNER_TEMP"),
            repository: text("GITHUB_REPOSITORY"),
            server_url: url("GITHUB_SERVER_URL", "https://github.com"),
            graphql_url: url("GITHUB_GRAPHQL_URL", &graphql_url),
            api_url,
            workflow: text("GITHUB_WORKFLOW"),
            job: text("GITHUB_JOB"),
            action: text("GITHUB_ACTION"),
            run_id: text("GITHUB_RUN_ID").parse().unwrap_or(0),
            run_attempt: text("GITHUB_RUN_ATTEMPT").parse().unwrap_or(1),
            sha: text("GITHUB_SHA"),
            git_ref: text("GITHUB_REF"),
            event_name: text("GITHUB_EVENT_NAME"),
            event_path: path("GITHUB_EVENT_PATH"),
            retention_days: given("GITHUB_RETENTION_DAYS").and_then(|days| days.parse().ok()),
            files: AnswerFiles {
                output: path("GITHUB_OUTPUT"),
                state: path("GITHUB_STATE"),
                summary: path("GITHUB_STEP_SUMMARY"),
            },
            runtime: given("ACTIONS_RESULTS_URL")
                .zip(given("ACTIONS_RUNTIME_TOKEN"))
                .map(|(results_url, token)| Runtime {
                    results_url,
                    token: token.into(),
                }),
            id_tokens: given("ACTIONS_ID_TOKEN_REQUEST_URL")
                .zip(given("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
                .map(|(url, token)| IdTokenRequest {
                    url,
                    token: token.into(),
                }),
            debug: given("RUNNER_DEBUG").is_some_and(|value| value == "1"),
        })
    }

    /// The event's payload; `null` where it cannot be read.
    pub fn payload(&self) -> Value {
        let json = self
            .event_path
            .as_ref()
            .and_then(|path| fs::read(path).ok());
        json.and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default()
    }

    /// The page of the workflow run.
    pub fn run_url(&self) -> String {
        format!(
            "{}/{}/actions/runs/{}",
            self.server_url, self.repository, self.run_id
        )
    }

    /// The page of a commit.
    pub fn commit_url(&self, sha: &str) -> String {
        format!("{}/{}/commit/{sha}", self.server_url, self.repository)
    }

    /// Whether this is github.com or one of its tenants, not a server of somebody's own.
    pub fn on_github(&self) -> bool {
        let host = self
            .server_url
            .split_once("://")
            .map_or(self.server_url.as_str(), |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        host == "github.com" || host.ends_with(".ghe.com") || host.ends_with(".localhost")
    }

    /// A path as the other steps of the job know it: relative to the workspace where it lies in it.
    ///
    /// In a container the workspace has another name than outside.
    pub fn shared_path(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.workspace)
            .ok()
            .filter(|relative| !relative.as_os_str().is_empty())
            .unwrap_or(path)
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(pairs: &[(&str, &str)]) -> Option<WorkflowJob> {
        WorkflowJob::from_variables(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn outside_of_actions_there_is_no_job() {
        assert!(job(&[]).is_none());
        assert!(job(&[("GITHUB_ACTIONS", "")]).is_none());
        assert!(job(&[("GITHUB_SHA", "abc")]).is_none());
    }

    #[test]
    fn what_is_empty_is_missing() {
        let job = job(&[
            ("GITHUB_ACTIONS", "true"),
            ("ACTIONS_RUNTIME_TOKEN", "token"),
            ("ACTIONS_RESULTS_URL", ""),
            ("GITHUB_API_URL", "https://ghe.example/api/v3/"),
        ])
        .unwrap();
        assert!(job.runtime.is_none());
        assert_eq!(job.graphql_url, "https://ghe.example/api/graphql");
        assert_eq!(job.api_url, "https://ghe.example/api/v3");
        assert_eq!(job.run_attempt, 1);
    }

    #[test]
    fn servers_of_ones_own_are_told_from_github() {
        for (server, github) in [
            ("https://github.com", true),
            ("https://octo.ghe.com", true),
            ("http://github.localhost:8080", true),
            ("https://github.example.com", false),
            ("https://notgithub.com", false),
        ] {
            let job = job(&[("GITHUB_ACTIONS", "true"), ("GITHUB_SERVER_URL", server)]).unwrap();
            assert_eq!(job.on_github(), github, "{server}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let job = job(&[
            ("GITHUB_ACTIONS", "true"),
            ("ACTIONS_RUNTIME_TOKEN", "hush"),
            ("ACTIONS_RESULTS_URL", "https://results.example"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "hush"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://id.example"),
        ]);
        let shown = format!("{job:?}");
        assert!(
            shown.contains("id.example") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn paths_are_told_as_other_steps_know_them() {
        let mut job = job(&[("GITHUB_ACTIONS", "true")]).unwrap();
        job.workspace = "/github/workspace".into();
        let told = |path: &str| job.shared_path(Path::new(path));
        assert_eq!(told("/github/workspace/out/v1"), Path::new("out/v1"));
        assert_eq!(told("/github/home/out"), Path::new("/github/home/out"));
    }
}
