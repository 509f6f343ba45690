//! `tests/github` as tests see it: GitHub for a job, with real blob storage and GitHub's own client.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use serde_json::{Value, json};

use crate::command::{Service, skip};

/// The commit that jobs run at.
pub(crate) const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

/// GitHub; it goes when this is dropped, with everything in it.
pub(crate) struct FakeGitHub {
    service: Service,
    address: String,
}

/// What the runner gives to one job: its files, and the variables that name them.
pub(crate) struct Job {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/github")
        .join(name)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl FakeGitHub {
    /// `None` where this machine cannot run it and need not.
    #[track_caller]
    pub(crate) fn start() -> Option<Self> {
        Self::run(&[])
    }

    /// With every REST call, and its answer, held against GitHub's own description of its API. What does not agree
    /// with that fails, and fails the test too: at the end.
    #[track_caller]
    pub(crate) fn with_prism() -> Option<Self> {
        Self::run(&["--prism"])
    }

    #[track_caller]
    fn run(args: &[&str]) -> Option<Self> {
        let service = match Service::start(Command::new(file("fake_github.py")).args(args)) {
            Ok(service) => service,
            Err(reason) => {
                skip(&format!("GitHub's doubles are missing: {reason}"));
                return None;
            }
        };
        let address = text(&service.facts["api_url"]).split_off("http://".len());
        Some(Self { service, address })
    }

    /// GitHub's examples of events.
    pub(crate) fn examples() -> PathBuf {
        let setup = Command::new(file("setup")).arg("--where").output().unwrap();
        let cache = String::from_utf8(setup.stdout).unwrap();
        Path::new(cache.trim())
            .join("node_modules/@octokit/webhooks-examples/api.github.com/index.json")
    }

    /// A job of the one run that there is, in a workspace of its own.
    pub(crate) fn job(&self) -> Job {
        self.job_that_expires_in(6 * 60 * 60)
    }

    /// A job whose runtime token is valid for so many seconds.
    pub(crate) fn job_that_expires_in(&self, seconds: i64) -> Job {
        let job = self.http("POST", "job", &json!({ "expires_in": seconds }));
        let fact = |name: &str| text(&self.service.facts[name]);
        let token = text(&job["token"]);
        let directory = tempfile::tempdir().unwrap();
        for name in ["workspace", "runner_temp"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        for (name, content) in [
            ("event.json", "{}"),
            ("output", ""),
            ("state", ""),
            ("step_summary", ""),
        ] {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let repository = fact("repository");
        let variables = vec![
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_API_URL", fact("api_url")),
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_EVENT_PATH", path("event.json")),
            ("GITHUB_JOB", "measure".to_owned()),
            ("GITHUB_OUTPUT", path("output")),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_RETENTION_DAYS", "90".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", text(&job["run_id"])),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_SHA", SHA.to_owned()),
            ("GITHUB_STATE", path("state")),
            ("GITHUB_STEP_SUMMARY", path("step_summary")),
            ("GITHUB_WORKFLOW", "Performance".to_owned()),
            (
                "GITHUB_WORKFLOW_REF",
                format!("{repository}/.github/workflows/performance.yml@refs/heads/main"),
            ),
            ("GITHUB_WORKSPACE", path("workspace")),
            ("GITHUB_REPOSITORY", repository),
            ("RUNNER_TEMP", path("runner_temp")),
            ("ACTIONS_RUNTIME_URL", fact("runtime_url")),
            ("ACTIONS_RUNTIME_TOKEN", token.clone()),
            ("ACTIONS_RESULTS_URL", fact("results_url")),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", fact("id_token_url")),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", token),
            ("INPUT_GITHUB-TOKEN", fact("github_token")),
        ];
        Job {
            directory,
            variables,
        }
    }

    /// The token of a fork's job: it may read, and write nothing.
    pub(crate) fn read_only_token(&self) -> String {
        text(&self.service.facts["read_only_token"])
    }

    /// The token of a person, `octocat`.
    pub(crate) fn user_token(&self) -> String {
        text(&self.service.facts["user_token"])
    }

    /// The token of a GitHub App, `reports[bot]`.
    pub(crate) fn app_token(&self) -> String {
        text(&self.service.facts["app_token"])
    }

    pub(crate) fn fault(&self, fault: &Value) {
        self.http("POST", "faults", fault);
    }

    pub(crate) fn clear_faults(&self) {
        self.http("DELETE", "faults", &Value::Null);
    }

    /// Every REST call takes up to this long before its effect, and again after it.
    pub(crate) fn latency(&self, seconds: f64) {
        self.http("POST", "latency", &json!({ "min": 0, "max": seconds }));
    }

    /// Addresses to upload to end after so many seconds.
    pub(crate) fn upload_lifetime(&self, seconds: u64) {
        self.http("POST", "upload-lifetime", &json!({ "seconds": seconds }));
    }

    pub(crate) fn add_pull(&self, pull: &Value) {
        self.http("POST", "pulls", pull);
    }

    /// A commit with these parents.
    pub(crate) fn add_commit(&self, sha: &str, parents: &[&str]) {
        self.http(
            "POST",
            "commits",
            &serde_json::json!({ "sha": sha, "parents": parents }),
        );
    }

    pub(crate) fn add_comment(&self, comment: &Value) -> Value {
        self.http("POST", "comments", comment)
    }

    /// Every request so far whose path contains this.
    pub(crate) fn requests(&self, path: &str) -> Vec<Value> {
        self.list("requests", |request| text(&request["path"]).contains(path))
    }

    pub(crate) fn comments(&self, issue: u64) -> Vec<Value> {
        self.list("comments", |comment| comment["parent"] == issue)
    }

    pub(crate) fn commit_comments(&self, sha: &str) -> Vec<Value> {
        self.list("comments", |comment| comment["parent"] == sha)
    }

    /// Every artifact, finished or not.
    pub(crate) fn artifacts(&self) -> Vec<Value> {
        self.list("artifacts", |_| true)
    }

    /// Downloads an artifact with GitHub's own client, which compares the digest.
    #[track_caller]
    pub(crate) fn readback(&self, name: &str, directory: &Path) -> Value {
        let output = Command::new("node")
            .arg(file("readback.mjs"))
            .args([Path::new(name), directory])
            .envs(self.job().variables)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn list(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let list = self.http("GET", path, &Value::Null);
        let list = list.as_array().unwrap().iter();
        list.filter(|item| wanted(item)).cloned().collect()
    }

    fn http(&self, method: &str, path: &str, content: &Value) -> Value {
        let mut request =
            format!("{method} /control/{path} HTTP/1.1\r\nHost: github\r\nConnection: close\r\n");
        if content.is_null() {
            request += "\r\n";
        } else {
            let content = content.to_string();
            write!(
                request,
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}",
                content.len()
            )
            .unwrap();
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(content).unwrap()
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        if !thread::panicking() {
            let violations = self.list("violations", |_| true);
            assert!(violations.is_empty(), "{violations:#?}");
        }
    }
}

impl Job {
    /// For the environment of a command.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        self.variables.clone()
    }

    /// Gives a variable another value.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    /// The event that started the workflow.
    pub(crate) fn event(&mut self, name: &str, payload: &Value) -> &mut Self {
        fs::write(
            self.directory.path().join("event.json"),
            payload.to_string(),
        )
        .unwrap();
        self.set("GITHUB_EVENT_NAME", name)
    }

    pub(crate) fn output(&self) -> String {
        self.read("output")
    }

    pub(crate) fn state(&self) -> String {
        self.read("state")
    }

    pub(crate) fn summary(&self) -> String {
        self.read("step_summary")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }
}
