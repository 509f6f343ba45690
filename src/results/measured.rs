//! The figures that collected files hold.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{CONFIG, RECORDS};
use crate::config::FigureFiles;
use crate::figures::{File, Reading, join, read_files};

/// The largest file that is read for its figures, and the most of all files of an entry, in bytes: they are in memory at once,
/// and what comes from an instance is not to fill this machine's.
const MAX_FILE: u64 = 64 << 20;
const MAX_ENTRY: usize = 256 << 20;

/// The figures of a directory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// The readings of its files.
    pub readings: Vec<Reading>,
    /// The files that could not be read, each as a warning.
    pub warnings: Vec<String>,
}

/// The most files that are named where none matches.
const MAX_NAMED: usize = 3;

/// Reads the figures of the files in a directory of results: a file that several entries match by the first of them. What
/// cannot be read is a warning, and never a wrong number.
pub fn measured(directory: &Path, entries: &[FigureFiles]) -> Measured {
    let paths = files_in(directory);
    let mut unread = paths.clone();
    let mut sheets = Vec::new();
    let mut warnings = Vec::new();
    for entry in entries {
        let matches = |path: &PathBuf| entry.matches(path);
        let matching: Vec<PathBuf> = unread.extract_if(.., |path| matches(path)).collect();
        if matching.is_empty() {
            warnings.push(if paths.iter().any(matches) {
                let text = &entry.text;
                format!("`figures`: every file of `{text}` is read by an entry above it, so its options hold for none")
            } else {
                no_match(entry, &paths)
            });
        }
        let mut contents = Vec::new();
        let mut total = 0;
        for path in &matching {
            if total > MAX_ENTRY {
                let text = &entry.text;
                warnings.push(format!(
                    "`figures`: the files of `{text}` have more than {MAX_ENTRY} bytes, the rest was not read"
                ));
                break;
            }
            match read(&directory.join(path)) {
                Ok(bytes) => {
                    total += bytes.len();
                    contents.push((path, bytes));
                }
                Err(reason) => warnings.push(format!("figures in {}: {reason}", path.display())),
            }
        }
        let files: Vec<File<'_>> = contents
            .iter()
            .map(|(path, bytes)| File { path, bytes })
            .collect();
        sheets.extend(read_files(&entry.options, &files));
    }
    let (readings, flaws) = join(sheets);
    warnings.extend(flaws.iter().map(|flaw| format!("figures in {flaw}")));
    Measured { readings, warnings }
}

/// The warning of an entry that matches none of these files.
fn no_match(entry: &FigureFiles, paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.display().to_string());
    let names: Vec<String> = names.take(MAX_NAMED).collect();
    let more = if paths.len() > MAX_NAMED { ", …" } else { "" };
    format!(
        "`figures`: `{}` matches no file; it is relative to the results, which have {}{more}",
        entry.text,
        if names.is_empty() {
            "none".into()
        } else {
            names.join(", ")
        }
    )
}

/// The regular files, but for collector's own, relative to the directory.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let own = |path: &Path| path == Path::new(RECORDS) || path == Path::new(CONFIG);
    let relative = |path: &Path| path.strip_prefix(directory).ok().map(Path::to_owned);
    let walk = WalkDir::new(directory).sort_by_file_name().into_iter();
    walk.filter_entry(|entry| relative(entry.path()).is_none_or(|path| !own(&path)))
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| relative(entry.path()))
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes, {MAX_FILE} are read"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};
    use crate::figures::Direction;

    fn entries(figures: &str) -> Vec<FigureFiles> {
        let text = format!(
            "main: {{performance_results: x, output: out, provider: local, figures: {figures}}}\nrun: [a.sh]\n"
        );
        let source = Source {
            path: "config.yml".as_ref(),
            text: &text,
            local: true,
        };
        Config::parse(source, &|_| Ok(())).unwrap().figures
    }

    fn write(results: &tempfile::TempDir, path: &str, text: &str) {
        let path = results.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn named(measured: &Measured) -> Vec<(&str, &[f64])> {
        let readings = measured.readings.iter();
        let named = readings.map(|one| (one.name.as_str(), one.values.as_slice()));
        named.collect()
    }

    #[test]
    fn a_name_in_files_of_several_entries_gets_their_paths() {
        let results = tempfile::tempdir().unwrap();
        for (path, rate) in [("before/wrk.txt", 100), ("after/wrk.txt", 200)] {
            let text = format!("Running 1s test @ http://localhost/\nRequests/sec: {rate}\n");
            write(&results, path, &text);
        }
        let measured = measured(results.path(), &entries("[before/*.txt, after/*.txt]"));
        assert_eq!(
            named(&measured),
            [
                ("requests (before/wrk.txt)", &[100.0][..]),
                ("requests (after/wrk.txt)", &[200.0][..])
            ]
        );
        assert_eq!(measured.warnings, [""; 0]);
    }

    #[test]
    fn a_file_that_several_entries_match_is_read_by_the_first() {
        let results = tempfile::tempdir().unwrap();
        write(&results, "a.txt", "score: 1\n");
        write(&results, "b.txt", "size: 2\n");
        let entries =
            entries("[a.txt: {better: more}, '*.txt': {better: less}, 'b*': {better: more}]");
        let measured = measured(results.path(), &entries);
        assert_eq!(
            named(&measured),
            [("score", &[1.0][..]), ("size", &[2.0][..])]
        );
        let better = measured.readings.iter().map(|one| one.better);
        let better: Vec<_> = better.flatten().collect();
        assert_eq!(better, [Direction::More, Direction::Less]);
        let [warning] = &measured.warnings[..] else {
            panic!("{measured:?}")
        };
        assert!(
            warning.contains("every file of `b*` is read by an entry above it"),
            "{warning}"
        );
    }

    #[test]
    fn figures_are_read_and_what_is_none_is_said() {
        let results = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| write(&results, path, text);
        write("a/good.txt", "latency: 12.5 ms\n");
        write("a/bad.txt", "latency: NaN ms\n");
        write("config/good.txt", "config: 1 s\n");
        write("collector/good.txt", "record: 1 s\n");
        let measured = measured(results.path(), &entries("['**/*.txt', '*.json']"));
        let names: Vec<_> = measured.readings.iter().map(|one| &one.name).collect();
        assert_eq!(names, ["latency"], "{measured:?}");
        let warnings = measured.warnings.join("\n");
        assert!(warnings.contains("figures in a/bad.txt"), "{warnings}");
        assert!(warnings.contains("`*.json` matches no file"), "{warnings}");
    }
}
