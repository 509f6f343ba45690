//! The EC2 of `tests/lab` as tests see it: an API that is not ours, with guests behind it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{Sandbox, Service, skip, wait_for};

/// What stands behind the API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guest {
    /// Nothing.
    None,
    /// OpenSSH with the keys of the user-data.
    Sshd,
    /// A booted Debian with cloud-init.
    Booted,
}

/// An EC2 for one test; it goes when this is dropped, with everything in it.
pub(crate) struct Lab {
    service: Service,
    address: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab")
}

/// The directory that `tests/lab/setup` installs into.
pub(crate) fn cache() -> PathBuf {
    let output = Command::new(directory().join("setup"))
        .arg("--where")
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

impl Lab {
    /// `None` where this machine cannot run such guests and need not.
    #[track_caller]
    pub(crate) fn start(guest: Guest) -> Option<Self> {
        Self::start_with(guest, &[])
    }

    /// One whose instances shut down for so many seconds before they are terminated.
    pub(crate) fn shutting_down_for(guest: Guest, seconds: &str) -> Option<Self> {
        Self::start_with(guest, &["--shutting-down", seconds])
    }

    fn start_with(guest: Guest, args: &[&str]) -> Option<Self> {
        let kind = match guest {
            Guest::None => "none",
            Guest::Sshd => "sshd",
            Guest::Booted => "nspawn",
        };
        let service = Service::start(
            Command::new(cache().join("venv/bin/python"))
                .arg(directory().join("lab.py"))
                .args(["--guest", kind, "--pending", "0.3"])
                .args(args),
        );
        let service = match service {
            Ok(service) => service,
            Err(reason) => {
                skip(&format!("`{kind}` guests are missing: {reason}"));
                return None;
            }
        };
        let address = service.facts["endpoint"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        Some(Self { service, address })
    }

    /// The `main` lines of a config for this EC2.
    pub(crate) fn main(&self, more: &str) -> String {
        format!(
            "ec2_instance_size: m1.small\nami: {}\nsecurity_group: collector\nuser: ubuntu\ncalibrate: off\n{more}",
            self.service.facts["ami"].as_str().unwrap()
        )
    }

    /// What makes AWS of it, for the environment of a command.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let region = self.service.facts["region"].as_str().unwrap();
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", region.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ]
    }

    /// The program, with it for AWS.
    pub(crate) fn collect(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        let mut command = sandbox.collect(args);
        self.surround(&mut command);
        command
    }

    /// Makes it AWS for a command.
    pub(crate) fn surround(&self, command: &mut Command) {
        command.envs(self.variables());
    }

    /// Credentials of a role end after so many seconds, whatever is asked for.
    pub(crate) fn session(&self, seconds: u32) {
        self.http(
            "POST",
            "/lab/session",
            &serde_json::json!({ "seconds": seconds }).to_string(),
        );
    }

    /// There is room for so many instances at once.
    pub(crate) fn capacity(&self, instances: u32) {
        self.http(
            "POST",
            "/lab/capacity",
            &serde_json::json!({ "instances": instances }).to_string(),
        );
    }

    /// The address of the API, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn http(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 20") || head.starts_with("HTTP/1.0 20"),
            "{answer}"
        );
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    pub(crate) fn instances(&self) -> Vec<Value> {
        self.http("GET", "/lab/instances", "")
            .as_array()
            .unwrap()
            .clone()
    }

    /// An image is pending for so many seconds after its disk was copied.
    pub(crate) fn imaging(&self, seconds: u32) {
        self.http(
            "POST",
            "/lab/imaging",
            &serde_json::json!({ "seconds": seconds }).to_string(),
        );
    }

    /// The images that were made, or their snapshots, that are there.
    pub(crate) fn stored(&self, kind: &str) -> Vec<Value> {
        let stored = self.http("GET", "/lab/stored", "");
        stored[kind].as_array().unwrap().clone()
    }

    /// The one instance that there is or was.
    #[track_caller]
    pub(crate) fn instance(&self) -> Value {
        let mut instances = self.instances();
        assert_eq!(instances.len(), 1, "{instances:?}");
        instances.remove(0)
    }

    pub(crate) fn all_calls(&self) -> Vec<Value> {
        let calls = self.http("GET", "/lab/calls", "");
        calls.as_array().unwrap().clone()
    }

    pub(crate) fn calls(&self, action: &str) -> Vec<Value> {
        let calls = self.all_calls().into_iter();
        calls.filter(|call| call["action"] == action).collect()
    }

    pub(crate) fn fault(&self, fault: &Value) {
        self.http("POST", "/lab/faults", &fault.to_string());
    }

    pub(crate) fn clear_faults(&self) {
        self.http("DELETE", "/lab/faults", "");
    }

    /// Resets every connection to the instance.
    pub(crate) fn cut(&self, id: &str) {
        self.http(
            "POST",
            "/lab/cut",
            &serde_json::json!({ "instance": id }).to_string(),
        );
    }

    /// Launched equals terminated.
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self) {
        for instance in self.instances() {
            let state = instance["state"].as_str().unwrap().to_owned();
            assert!(
                ["terminated", "shutting-down"].contains(&state.as_str()),
                "{instance}"
            );
        }
    }

    pub(crate) fn wait_for_state(&self, state: &str) -> Value {
        wait_for(state, || {
            let instance = self.instance();
            (instance["state"] == state).then_some(instance)
        })
    }
}
