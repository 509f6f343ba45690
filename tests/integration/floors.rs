//! Imports point down the floors that the docs of `src/lib.rs` draw, and no source file is too long to be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::documents::Document;

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// A longer file is a question about its design, not about its formatting.
const MAX_LINES: usize = 450;

/// Every source file with its path relative to `src`.
fn sources() -> Vec<(PathBuf, String)> {
    let mut open = vec![PathBuf::from(SRC)];
    let mut sources = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path.strip_prefix(SRC).unwrap().to_owned(), text));
            }
        }
    }
    sources.sort();
    sources
}

/// The floor of each module, read from the drawing: `2  pipeline → lease · job    policy: …`.
fn floors() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(Path::new(SRC).join("lib.rs")).unwrap();
    // The crate's root stands above everything that it declares.
    let mut floors = BTreeMap::from([("lib".to_owned(), 4)]);
    for line in text.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let Some((floor, modules)) = line.split_once("  ") else {
            continue;
        };
        let Ok(floor) = floor.parse() else {
            continue;
        };
        for part in modules.split(['·', '→']) {
            // Behind the last module of a floor stands what the floor is about.
            let name = part.split_whitespace().next().unwrap();
            let names = match name.split_once("::{") {
                None => vec![name.to_owned()],
                Some((parent, children)) => children
                    .trim_end_matches('}')
                    .split(',')
                    .map(|child| format!("{parent}::{child}"))
                    .collect(),
            };
            for name in names {
                assert_eq!(floors.insert(name.clone(), floor), None, "{name} twice");
            }
        }
    }
    floors
}

#[test]
fn the_page_about_the_architecture_has_every_module_on_its_floor() {
    let page = Document::open("docs/architecture.md");
    for (module, floor) in floors() {
        let mut rows = page.text.lines();
        let row = rows.find(|line| line.starts_with(&format!("| {floor} | ")));
        let name = module.rsplit("::").next().unwrap();
        let mut names = row
            .unwrap()
            .split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(
            module == "lib" || names.any(|word| word == name),
            "{module}"
        );
    }
}

/// The module of a file: `provider/ec2.rs` is `provider::ec2`.
fn module(path: &Path) -> String {
    path.with_extension("")
        .components()
        .map(|part| part.as_os_str().to_str().unwrap())
        .collect::<Vec<_>>()
        .join("::")
}

/// The floor of the nearest enclosing module that has one.
fn floor(path: &str, floors: &BTreeMap<String, u32>) -> Option<u32> {
    let mut path = path;
    loop {
        if let Some(floor) = floors.get(path) {
            return Some(*floor);
        }
        path = path.rsplit_once("::")?.0;
    }
}

/// The module of `tests` that tests beside the code share.
const OF_TESTS: &str = "skip::";

/// The paths that a text names from the crate's root, or from the parent of `module` on, with braces expanded.
fn paths(text: &str, module: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .fold(String::new(), |code, line| code + line + "\n");
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for (keyword, root) in [("crate::", ""), ("super::", parent), ("self::", module)] {
        for (at, _) in code.match_indices(keyword) {
            let line = &code[code[..at].rfind('\n').map_or(0, |end| end + 1)..at];
            let inside_a_word = line.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
            // Further in, `super` and `self` are seen from a module within the file.
            let of_the_file = keyword == "crate::" || !line.starts_with(' ');
            if !inside_a_word && of_the_file {
                tree(&mut &code[at + keyword.len()..], root, &mut found);
            }
        }
    }
    found
}

/// Reads one tree of a `use` off the front of `rest`: `a::b`, `a::{b, c::d}`, `a::*`.
fn tree(rest: &mut &str, prefix: &str, found: &mut Vec<String>) {
    *rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        loop {
            *rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match rest.strip_prefix('}') {
                Some(after) => {
                    *rest = after;
                    return;
                }
                None => tree(rest, prefix, found),
            }
        }
    }
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let path = match (name, prefix) {
        ("self" | "", prefix) => prefix.to_owned(),
        (name, "") => name.to_owned(),
        (name, prefix) => format!("{prefix}::{name}"),
    };
    *rest = after.strip_prefix('*').unwrap_or(after);
    if let Some(deeper) = rest.strip_prefix("::") {
        *rest = deeper;
        tree(rest, &path, found);
        return;
    }
    if let Some(renamed) = rest.strip_prefix(" as ") {
        *rest = renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    }
    found.push(path);
}

#[test]
fn paths_are_read_out_of_nested_imports() {
    let text = "use crate::{a, b::{self, c as d, e::*}};\n\
                use super::{F, g};\n\
                fn h() -> crate::i::J { crate::K } // crate::not::this\n\
                macro_rules! m { () => { $crate::nor::that } }\n\
                mod tests {\n    use super::*;\n    use crate::l;\n}\n";
    assert_eq!(
        paths(text, "x::y"),
        ["a", "b", "b::c", "b::e", "i::J", "K", "l", "x::F", "x::g"]
    );
}

#[test]
fn the_drawing_names_every_module_of_the_crate_and_nothing_else() {
    let floors = floors();
    let modules: Vec<String> = sources().iter().map(|(path, _)| module(path)).collect();
    for name in &modules {
        assert!(floor(name, &floors).is_some(), "{name} stands on no floor");
    }
    for name in floors.keys() {
        assert!(modules.contains(name), "{name} is drawn but does not exist");
    }
}

#[test]
fn imports_point_down() {
    let floors = floors();
    let mut violations = Vec::new();
    for (path, text) in sources() {
        let importer = module(&path);
        let own = floor(&importer, &floors).unwrap();
        for imported in paths(&text, &importer) {
            // What is no module is an item of the crate's root.
            let needed = floor(&imported, &floors).unwrap_or(floors["lib"]);
            if needed > own && !imported.starts_with(OF_TESTS) {
                violations.push(format!(
                    "{importer} on floor {own} imports {imported} from floor {needed}"
                ));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

/// The floor of the adapters, and the edges between two of them: a provider connects a shell to its instances, and a job's
/// log is written in the runner's commands.
const ADAPTERS: u32 = 3;
const SIDEWAYS: [(&str, &str); 3] = [
    ("provider", "shell"),
    ("reporter", "github"),
    ("reporter", "project"),
];

#[test]
fn no_adapter_knows_another_one() {
    let floors = floors();
    let mut violations = Vec::new();
    for (path, text) in sources() {
        let importer = module(&path);
        if floor(&importer, &floors) != Some(ADAPTERS) {
            continue;
        }
        for imported in paths(&text, &importer) {
            let family = |module: &str| module.split("::").next().unwrap().to_owned();
            let (from, to) = (family(&importer), family(&imported));
            let allowed = SIDEWAYS.contains(&(from.as_str(), to.as_str()));
            if floor(&imported, &floors) == Some(ADAPTERS) && from != to && !allowed {
                violations.push(format!("{importer} imports {imported}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn values_do_no_io() {
    const IO: [&str; 7] = [
        "std::env",
        "std::fs",
        "std::io",
        "indicatif",
        "reqwest",
        "tokio",
        "async fn",
    ];
    let floors = floors();
    let mut violations = Vec::new();
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let is_test = path.ends_with("tests.rs");
        if floor(&module(&path), &floors) == Some(0) && !is_test {
            let found = IO.iter().filter(|word| code.contains(**word));
            violations.extend(found.map(|word| format!("{} has {word}", path.display())));
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}, {MAX_LINES} are allowed");
}
