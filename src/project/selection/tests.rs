use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::*;
use crate::config::Source;

/// A directory with a config and a script, and one beside it.
struct Desk {
    outer: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            outer: tempfile::tempdir().unwrap(),
        };
        desk.file("run.sh", "#!/bin/sh\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(desk.path().join("run.sh"), executable).unwrap();
        desk
    }

    fn path(&self) -> PathBuf {
        self.outer.path().canonicalize().unwrap().join("project")
    }

    fn file(&self, name: &str, content: &str) -> &Self {
        let path = self.path_of_new(name);
        fs::write(path, content).unwrap();
        self
    }

    fn link(&self, target: &str, name: &str) -> &Self {
        symlink(target, self.path_of_new(name)).unwrap();
        self
    }

    fn path_of_new(&self, name: &str) -> PathBuf {
        let root = self.outer.path().canonicalize().unwrap();
        let path = root.join("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn select(&self, upload: &str) -> Selection {
        let text = format!(
            "main: {{output: out, performance_results: x, provider: local, upload: {upload}}}\nrun: [run.sh]\n"
        );
        let source = Source {
            path: Path::new("config.yml"),
            text: &text,
            local: true,
        };
        let config = Config::parse(source, &|_| Ok(())).unwrap();
        select(
            &self.path(),
            &config,
            text.as_bytes(),
            &[self.path().join("out")],
        )
    }

    /// The files that travel, besides the script and the config.
    fn sent(&self, upload: &str) -> Vec<String> {
        let selection = self.select(upload);
        assert_eq!(selection.flaws, []);
        let files = selection.files.iter();
        files
            .map(|file| file.destination.display().to_string())
            .filter(|name| name != "run.sh" && name != "config.yml")
            .collect()
    }

    #[track_caller]
    fn refuses(&self, upload: &str, words: &str) {
        let flaws = self.select(upload).flaws;
        assert_eq!(flaws.len(), 1, "{flaws:?}");
        assert!(flaws[0].message.contains(words), "{flaws:?}");
        assert!(!flaws[0].remedy.is_empty());
    }
}

#[test]
fn a_directory_stands_for_everything_in_it() {
    let desk = Desk::new();
    desk.file("lib/a b.sh", "")
        .file("lib/.hidden", "")
        .file("lib/deep/b.py", "")
        .file("other", "");
    fs::create_dir(desk.path().join("lib/empty")).unwrap();
    let everything = [
        "lib",
        "lib/.hidden",
        "lib/a b.sh",
        "lib/deep",
        "lib/deep/b.py",
        "lib/empty",
    ];
    assert_eq!(desk.sent("lib"), everything);
    assert_eq!(desk.sent("[./lib/, lib/deep, 'lib/*']"), everything);
    assert_eq!(desk.sent("'**/*.py'"), ["lib/deep/b.py"]);
    assert_eq!(desk.sent("'l*'"), everything);
    assert_eq!(desk.sent("other"), ["other"]);
}

#[test]
fn what_stays_stays_with_all_that_is_in_it() {
    let desk = Desk::new();
    desk.file("lib/a.py", "")
        .file("lib/__pycache__/a.pyc", "")
        .file("data/raw/1", "")
        .file("data/1", "");
    assert_eq!(
        desk.sent("[lib, data, '!__pycache__', '!data/raw']"),
        ["data", "data/1", "lib", "lib/a.py"]
    );
    assert_eq!(
        desk.sent("['lib/**/*', '!*.pyc']"),
        ["lib/__pycache__", "lib/a.py"]
    );
}

#[test]
fn results_of_earlier_runs_never_travel() {
    let desk = Desk::new();
    desk.file("out/v1/index.json", "").file("a", "");
    assert_eq!(desk.sent("."), ["a"]);
}

#[test]
fn what_lies_elsewhere_is_sent_where_it_is_named() {
    let desk = Desk::new();
    desk.file("../target/app", "").file("../model/deep/x", "");
    desk.link("deep/x", "../model/link");
    assert_eq!(
        desk.sent("[../target/app, ../model]"),
        ["app", "model", "model/deep", "model/deep/x", "model/link"]
    );
    desk.file("app", "");
    desk.refuses(
        "[../target/app, app]",
        "would both be `app` on the instance",
    );
    desk.link("../target/app", "../model/astray");
    desk.refuses("../model", "the link `model/astray` leads to ../target/app");
}

#[test]
fn a_link_stays_a_link_unless_it_is_named() {
    let desk = Desk::new();
    desk.file("lib/a", "")
        .link("a", "lib/inside")
        .link("../run.sh", "lib/up");
    assert_eq!(desk.sent("lib"), ["lib", "lib/a", "lib/inside", "lib/up"]);
    desk.file("../outside", "")
        .link("../../outside", "lib/leaves");
    desk.refuses("lib", "the link `lib/leaves` leads to ../../outside");
    assert_eq!(desk.sent("[lib, '!leaves']").len(), 4);
    let named = desk.select("[lib, lib/leaves]");
    assert_eq!(named.flaws, []);
    let place = Path::new("lib/leaves");
    let sent = named.files.iter().find(|file| file.destination == place);
    assert!(matches!(sent.unwrap().content, Content::File { .. }));
    desk.link("/etc/passwd", "etc/absolute");
    desk.refuses("etc", "leads to /etc/passwd");
}

#[test]
fn what_is_no_file_stays_here() {
    let desk = Desk::new();
    desk.file("lib/a", "");
    let _socket = UnixListener::bind(desk.path().join("lib/agent")).unwrap();
    let selection = desk.select("lib");
    assert_eq!(
        selection.warnings,
        ["`lib/agent` is a socket and does not travel"]
    );
    assert_eq!(selection.files.len(), 4);
    desk.refuses("lib/agent", "`lib/agent` is a socket");
}

#[test]
fn what_is_not_there_is_told() {
    let desk = Desk::new();
    desk.refuses("absent", "`absent` does not exist");
    desk.refuses("'absent/*.py'", "`absent/*.py` matches nothing");
    assert!(desk.select("absent").flaws[0].is_absent);
}
