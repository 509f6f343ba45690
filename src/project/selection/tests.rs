use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::*;
use crate::config::Source;

/// A directory with a config and a script, and one beside it.
struct Tree {
    outer: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let tree = Self {
            outer: tempfile::tempdir().unwrap(),
        };
        tree.file("run.sh", "#!/bin/sh\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(tree.path().join("run.sh"), executable).unwrap();
        tree
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
    let tree = Tree::new();
    tree.file("lib/a b.sh", "")
        .file("lib/.hidden", "")
        .file("lib/deep/b.py", "")
        .file("other", "");
    fs::create_dir(tree.path().join("lib/empty")).unwrap();
    let everything = [
        "lib",
        "lib/.hidden",
        "lib/a b.sh",
        "lib/deep",
        "lib/deep/b.py",
        "lib/empty",
    ];
    assert_eq!(tree.sent("lib"), everything);
    assert_eq!(tree.sent("[./lib/, lib/deep, 'lib/*']"), everything);
    assert_eq!(tree.sent("'**/*.py'"), ["lib/deep/b.py"]);
    assert_eq!(tree.sent("'l*'"), everything);
    assert_eq!(tree.sent("other"), ["other"]);
}

#[test]
fn what_stays_stays_with_all_that_is_in_it() {
    let tree = Tree::new();
    tree.file("lib/a.py", "")
        .file("lib/__pycache__/a.pyc", "")
        .file("data/raw/1", "")
        .file("data/1", "");
    assert_eq!(
        tree.sent("[lib, data, '!__pycache__', '!data/raw']"),
        ["data", "data/1", "lib", "lib/a.py"]
    );
    assert_eq!(
        tree.sent("['lib/**/*', '!*.pyc']"),
        ["lib/__pycache__", "lib/a.py"]
    );
}

#[test]
fn results_of_earlier_runs_never_travel() {
    let tree = Tree::new();
    tree.file("out/v1/index.json", "").file("a", "");
    assert_eq!(tree.sent("."), ["a"]);
}

#[test]
fn what_lies_elsewhere_is_sent_where_it_is_named() {
    let tree = Tree::new();
    tree.file("../target/app", "").file("../model/deep/x", "");
    tree.link("deep/x", "../model/link");
    assert_eq!(
        tree.sent("[../target/app, ../model]"),
        ["app", "model", "model/deep", "model/deep/x", "model/link"]
    );
    tree.file("app", "");
    tree.refuses(
        "[../target/app, app]",
        "would both be `app` on the instance",
    );
    tree.link("../target/app", "../model/astray");
    tree.refuses("../model", "the link `model/astray` leads to ../target/app");
}

#[test]
fn a_link_stays_a_link_unless_it_is_named() {
    let tree = Tree::new();
    tree.file("lib/a", "")
        .link("a", "lib/inside")
        .link("../run.sh", "lib/up");
    assert_eq!(tree.sent("lib"), ["lib", "lib/a", "lib/inside", "lib/up"]);
    tree.file("../outside", "")
        .link("../../outside", "lib/leaves");
    tree.refuses("lib", "the link `lib/leaves` leads to ../../outside");
    assert_eq!(tree.sent("[lib, '!leaves']").len(), 4);
    let named = tree.select("[lib, lib/leaves]");
    assert_eq!(named.flaws, []);
    let place = Path::new("lib/leaves");
    let sent = named.files.iter().find(|file| file.destination == place);
    assert!(matches!(sent.unwrap().content, Content::File { .. }));
    tree.link("/etc/passwd", "etc/absolute");
    tree.refuses("etc", "leads to /etc/passwd");
}

#[test]
fn what_is_no_file_stays_here() {
    let tree = Tree::new();
    tree.file("lib/a", "");
    let _socket = UnixListener::bind(tree.path().join("lib/agent")).unwrap();
    let selection = tree.select("lib");
    assert_eq!(
        selection.warnings,
        ["`lib/agent` is a socket and does not travel"]
    );
    assert_eq!(selection.files.len(), 4);
    tree.refuses("lib/agent", "`lib/agent` is a socket");
}

#[test]
fn what_is_not_there_is_told() {
    let tree = Tree::new();
    tree.refuses("absent", "`absent` does not exist");
    tree.refuses("'absent/*.py'", "`absent/*.py` matches nothing");
    assert!(tree.select("absent").flaws[0].is_absent);
}
