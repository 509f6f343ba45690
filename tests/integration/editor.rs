//! A config in an editor: the language server that editors ask, with the schema that `collect init` writes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use collector::config::{FIGURE_KEYS, FILE_KEYS, Key, Kind, MAIN_KEYS, STEP_KEYS};
use serde_json::{Value, json};

use crate::command::{PATIENCE, Sandbox, run, skip};

/// The server; `None` where it is not installed and need not be.
#[track_caller]
fn server() -> Option<PathBuf> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/editor/setup");
    let directory = Command::new(setup).arg("--where").output().unwrap();
    let directory = String::from_utf8(directory.stdout).unwrap();
    let server = Path::new(directory.trim()).join("node_modules/.bin/yaml-language-server");
    if server.exists() {
        return Some(server);
    }
    skip("the language server is missing: tests/editor/setup installs it");
    None
}

/// An editor with one file open.
struct Editor {
    server: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    file: String,
    version: u32,
    last_id: u32,
}

impl Editor {
    /// Opens a file that need not be on the disk.
    fn open(server: &Path, file: &Path) -> Self {
        let mut server = Command::new(server)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if answers.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    match line.trim_end().split_once(": ") {
                        Some(("Content-Length", bytes)) => length = bytes.parse().unwrap(),
                        Some(_) => {}
                        None => break,
                    }
                }
                let mut message = vec![0; length];
                answers.read_exact(&mut message).unwrap();
                if sender
                    .send(serde_json::from_slice(&message).unwrap())
                    .is_err()
                {
                    return;
                }
            }
        });
        let mut editor = Self {
            requests: server.stdin.take().unwrap(),
            server,
            messages,
            file: format!("file://{}", file.display()),
            version: 0,
            last_id: 0,
        };
        let markdown = json!(["markdown"]);
        editor.ask(
            "initialize",
            &json!({
                "processId": null,
                "rootUri": null,
                "capabilities": {
                    "workspace": { "configuration": true },
                    "textDocument": {
                        "completion": { "completionItem": { "documentationFormat": markdown } },
                        "hover": { "contentFormat": markdown },
                        "publishDiagnostics": {},
                    },
                },
            }),
        );
        editor.tell("initialized", &json!({}));
        let document =
            json!({ "uri": editor.file, "languageId": "yaml", "version": 0, "text": "" });
        editor.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        editor.faults();
        editor
    }

    /// Puts this in the place of the whole text, and returns what is underlined.
    fn write(&mut self, text: &str) -> Vec<String> {
        self.version += 1;
        let document = json!({ "uri": self.file, "version": self.version });
        let changes = json!([{ "text": text }]);
        self.tell(
            "textDocument/didChange",
            &json!({ "textDocument": document, "contentChanges": changes }),
        );
        self.faults()
    }

    /// The keys that are offered at a place, with what is said about each.
    fn complete(&mut self, line: usize, character: usize) -> Vec<(String, String)> {
        let answer = self.ask_at("textDocument/completion", line, character);
        let items = answer["items"].as_array().unwrap();
        let item = |item: &Value| {
            let said = item["documentation"]["value"].as_str();
            (
                item["label"].as_str().unwrap().to_owned(),
                said.unwrap_or_default().to_owned(),
            )
        };
        items.iter().map(item).collect()
    }

    /// What is said about a place under the pointer.
    fn hover(&mut self, line: usize, character: usize) -> String {
        let answer = self.ask_at("textDocument/hover", line, character);
        answer["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn ask_at(&mut self, method: &str, line: usize, character: usize) -> Value {
        let position = json!({ "line": line, "character": character });
        let document = json!({ "uri": self.file });
        self.ask(
            method,
            &json!({ "textDocument": document, "position": position }),
        )
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "id": id, "method": method, "params": params }));
        let mut answer =
            self.wait_for(|message| message["id"] == id && message.get("method").is_none());
        assert_eq!(answer.get("error"), None);
        answer["result"].take()
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "method": method, "params": params }));
    }

    fn faults(&mut self) -> Vec<String> {
        let version = self.version;
        let message = self.wait_for(|message| {
            let published = message["method"] == "textDocument/publishDiagnostics";
            let params = &message["params"];
            published
                && params["version"]
                    .as_u64()
                    .is_none_or(|of| of >= version.into())
        });
        let faults = message["params"]["diagnostics"].as_array().unwrap();
        let faults = faults
            .iter()
            .map(|fault| fault["message"].as_str().unwrap().to_owned());
        faults.collect()
    }

    /// Waits for a message, and answers what the server asks meanwhile.
    #[track_caller]
    fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .expect("an answer of the server's");
            if wanted(&message) {
                return message;
            }
            if message["method"] == "workspace/configuration" {
                let settings = json!({
                    "validate": true,
                    "hover": true,
                    "completion": true,
                    // It would be looked for on the network.
                    "schemaStore": { "enable": false },
                });
                let items = message["params"]["items"].as_array().unwrap();
                let answers: Vec<&Value> = items
                    .iter()
                    .map(|item| {
                        if item["section"] == "yaml" {
                            &settings
                        } else {
                            &Value::Null
                        }
                    })
                    .collect();
                self.send(&json!({ "id": message["id"], "result": answers }));
            } else if message.get("method").is_some() && message.get("id").is_some() {
                self.send(&json!({ "id": message["id"], "result": null }));
            }
        }
    }

    fn send(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let text = message.to_string();
        write!(
            self.requests,
            "Content-Length: {}\r\n\r\n{text}",
            text.len()
        )
        .unwrap();
        self.requests.flush().unwrap();
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// An editor with the config that `collect init` made, and that config.
fn editor(sandbox: &Sandbox, server: &Path) -> (Editor, String) {
    run(sandbox.collect(&["init", "--yes"])).expect(0);
    let config = sandbox.path().join("config.yml");
    let text = fs::read_to_string(&config).unwrap();
    (Editor::open(server, &config), text)
}

fn supported(keys: &[Key]) -> impl Iterator<Item = &Key> {
    keys.iter().filter(|key| key.is_supported())
}

/// The first line of a config that `collect init` writes: it names the schema.
fn modeline(config: &str) -> String {
    format!("{}\n", config.lines().next().unwrap())
}

#[test]
fn every_key_is_offered_where_it_belongs() {
    let Some(server) = server() else { return };
    let sandbox = Sandbox::new();
    let (mut editor, config) = editor(&sandbox, &server);
    let head = modeline(&config);
    for (text, line, character, keys) in [
        ("\n", 1, 0, &FILE_KEYS[..]),
        ("main:\n  \n", 2, 2, &MAIN_KEYS),
        ("run:\n  - measure.sh:\n      \n", 3, 6, &STEP_KEYS),
        (
            "main:\n  figures:\n    - x:\n        \n",
            4,
            8,
            &FIGURE_KEYS,
        ),
    ] {
        editor.write(&format!("{head}{text}"));
        let offered = editor.complete(line, character);
        for key in supported(keys) {
            let said = offered.iter().find(|(name, _)| name == key.name);
            let (_, said) = said.unwrap_or_else(|| panic!("{} is not in {offered:?}", key.name));
            assert!(said.contains(key.meaning), "{}: {said}", key.name);
        }
        let planned = keys.iter().filter(|key| !key.is_supported());
        for key in planned {
            assert!(
                !offered.iter().any(|(name, _)| name == key.name),
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn every_key_is_described_under_the_pointer() {
    let Some(server) = server() else { return };
    let sandbox = Sandbox::new();
    let (mut editor, config) = editor(&sandbox, &server);
    let lines = |indent: &str, keys: &[Key]| -> String {
        let lines = supported(keys).map(|key| format!("{indent}{}: {}\n", key.name, key.example));
        lines.collect()
    };
    let phases: Vec<Key> = FILE_KEYS
        .into_iter()
        .filter(|key| key.kind == Kind::Steps)
        .collect();
    let text = format!(
        "{}main:\n{}{}run:\n  - measure.sh:\n{}",
        modeline(&config),
        lines("  ", &MAIN_KEYS),
        lines("", &phases).replace("run: [script.sh]\n", ""),
        lines("      ", &STEP_KEYS),
    );
    assert_eq!(editor.write(&text), [""; 0], "{text}");
    let described = |key: &&Key| key.kind != Kind::Section;
    let keys = [&FILE_KEYS[..], &MAIN_KEYS, &STEP_KEYS]
        .into_iter()
        .flat_map(supported);
    for key in keys.filter(described) {
        let start = format!("{}:", key.name);
        let line = text
            .lines()
            .position(|line| line.trim_start().starts_with(&start))
            .unwrap();
        let column = text.lines().nth(line).unwrap().find(key.name).unwrap();
        let said = editor.hover(line, column + 1);
        assert!(said.contains(key.meaning), "{}: {said}", key.name);
    }
}

#[test]
fn mistakes_are_underlined_and_what_init_writes_has_none() {
    let Some(server) = server() else { return };
    let sandbox = Sandbox::new();
    let (mut editor, config) = editor(&sandbox, &server);
    assert_eq!(editor.write(&config), [""; 0]);
    let wrong = config.replace("  output:", "  ouput:");
    let faults = editor.write(&wrong).join("; ");
    assert!(
        faults.contains("ouput") && faults.contains("\"output\""),
        "{faults}"
    );
    let wrong = config.replace("timeout: 30m", "timeout: soon");
    assert_ne!(editor.write(&wrong), [""; 0]);
}
