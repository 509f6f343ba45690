//! The README: short, its commands run, its keys are the program's.

use std::process::Command;

use collector::config::{Key, MAIN_KEYS};

use crate::documents::Document;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FIRST_COMMAND: &str =
    "cargo run --no-default-features --quiet -- --local examples/gzip-levels demo";

/// The most lines that are read before something is tried.
const MAX_LINES: usize = 200;

fn readme() -> Document {
    Document::open("README.md")
}

#[test]
fn the_readme_is_short() {
    let lines = readme().text.lines().count();
    assert!(
        lines <= MAX_LINES,
        "{lines} lines; the rest belongs in docs/"
    );
}

#[test]
fn the_two_commands_for_everything_come_first() {
    let blocks = readme().blocks("console");
    let [first, tests] = [0, 1].map(|place| blocks[place].trim());
    assert_eq!((first, tests), (FIRST_COMMAND, "tests/run"));
    let check = Command::new(env!("CARGO_BIN_EXE_collect"))
        .args(["check", "--local", "examples/gzip-levels"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn the_commonest_keys_are_described_as_in_the_program() {
    let section = readme().section("## The config");
    let names = section.first_column();
    assert_eq!(names.len(), 10);
    for name in names {
        let key = MAIN_KEYS.iter().find(|key| key.name == name).unwrap();
        let Key { meaning, .. } = key;
        let row = format!("\n| `{name}` | {} | {meaning} |\n", key.default_text());
        assert!(key.is_supported() && section.text.contains(&row), "{row}");
    }
}

#[test]
fn a_role_is_made_as_the_page_about_aws_says() {
    let page = Document::open("docs/aws.md").section("## From a laptop");
    let commands = page.blocks("console").concat();
    assert!(readme().blocks("console").contains(&commands));
}

#[test]
fn the_program_is_downloaded_under_the_name_that_a_release_gives_it() {
    let version = env!("CARGO_PKG_VERSION");
    let archive = format!("releases/download/v{version}/collect-{version}-linux-amd64.tar.gz ");
    assert!(readme().blocks("console").concat().contains(&archive));
    let release = Document::open(".github/workflows/release.yml").text;
    assert!(release.contains("release/collect-$VERSION-linux-$ARCHITECTURE.tar.gz\""));
    assert!(release.contains("architecture: amd64"));
}

#[test]
fn every_page_has_its_row() {
    let more = readme().section("## More").text;
    for entry in std::fs::read_dir(format!("{ROOT}/docs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let row = format!("[{name}](docs/{name})");
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        assert!(!is_page || more.contains(&row), "{row}");
    }
}
