//! Figures: what the user's own programs measured, as their files say it.
//!
//! One reader a format, each in a file of its own. What cannot be read, or cannot be trusted, is a flaw with its position and
//! never a number.

mod bmf;
mod criterion;
mod csv;
mod fio;
mod flaw;
mod format;
mod github_action_benchmark;
mod go;
mod google_benchmark;
mod hyperfine;
mod jmh;
mod json;
mod json_path;
mod k6;
mod lines;
mod oha;
mod openmetrics;
mod pytest_benchmark;
mod sheet;
mod sysbench;
mod unit;
mod wrk;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use flaw::{Flaw, Position};
pub use format::Format;
pub use json_path::JsonPath;
pub use sheet::Sheet;

/// The better direction of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less, as of a time.
    Less,
    /// More, as of a throughput.
    More,
}

/// The values of a figure in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The name, as the program gives it, with its parameters; in one of several files that have it, with the path behind it.
    pub name: String,
    /// The path of the file relative to the results, or of the directory.
    pub file: String,
    /// The unit; empty where none is known.
    pub unit: String,
    /// The better direction, where the format or the unit tells.
    pub better: Option<Direction>,
    /// The finite values: the raw ones where the file has them, else the one that it has.
    pub values: Vec<f64>,
}

/// The options of a reader besides the content of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The format; it is recognised where none is given.
    pub format: Option<Format>,
    /// The better direction where neither format nor unit tells.
    pub better: Option<Direction>,
    /// The column of the names of a CSV file; with a JSON path, the name of the figure.
    pub name: Option<String>,
    /// The column of the values of a CSV file.
    pub value: Option<String>,
    /// The column of the units of a CSV file; elsewhere, and where there is no such column, the unit itself.
    pub unit: Option<String>,
    /// The position of the values in a JSON file.
    pub path: Option<JsonPath>,
}

impl Options {
    /// The format, where it is given, or follows from another option.
    pub fn format(&self) -> Option<Format> {
        self.format.or_else(|| {
            if self.path.is_some() {
                Some(Format::Json)
            } else if self.value.is_some() {
                Some(Format::Csv)
            } else {
                None
            }
        })
    }
}

/// A collected file.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// The path relative to the results, for messages and to find what belongs together.
    pub path: &'a Path,
    /// The content.
    pub bytes: &'a [u8],
}

impl Reading {
    /// The name with the path behind it.
    pub fn name_with_file(&self) -> String {
        format!("{} ({})", self.name, self.file)
    }
}

/// Reads the files of one entry of `figures`. Flaws are warnings; what else the files say is read nevertheless.
pub fn read_files(options: &Options, files: &[File<'_>]) -> Vec<Sheet> {
    let mut files = files.to_vec();
    files.sort_by_key(|file| file.path);
    let first = files.first().map(|file| file.path);
    let mut sheets = Vec::new();
    let mut directories: BTreeMap<&Path, Vec<(&str, &str)>> = BTreeMap::new();
    for File { path, bytes } in files {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        let mut sheet = Sheet::new(path, options.better);
        match std::str::from_utf8(bytes) {
            Err(error) => {
                let position = Position::of_offset(bytes, error.valid_up_to());
                sheet.refuse(position, "the file is no text in UTF-8");
            }
            Ok(text) => {
                let text = text.trim_start_matches('\u{feff}');
                let is_criterion = match options.format() {
                    Some(format) => format == Format::Criterion,
                    None => criterion::is_part(name, text),
                };
                if is_criterion {
                    let directory = path.parent().unwrap_or(Path::new(""));
                    directories.entry(directory).or_default().push((name, text));
                    continue;
                }
                read(text, options, &mut sheet);
                sheet.finish();
            }
        }
        sheets.push(sheet);
    }
    for (directory, files) in &directories {
        // Beside the latest measurement may be those that it was compared with.
        let latest = directory.with_file_name(criterion::LATEST);
        if *directory != latest && directories.contains_key(latest.as_path()) {
            continue;
        }
        let mut sheet = Sheet::new(directory, options.better);
        criterion::read(directory, files, &mut sheet);
        sheets.push(sheet);
    }
    if sheets.iter().all(Sheet::is_empty)
        && let Some(file) = first
    {
        let mut sheet = Sheet::new(file, options.better);
        sheet.finish();
        sheets.push(sheet);
    }
    sheets
}

/// Reads one file.
fn read(text: &str, options: &Options, sheet: &mut Sheet) {
    if text.trim().is_empty() {
        sheet.refuse(Position::File, "the file is empty");
        return;
    }
    let json = json::parse(text);
    let recognised = || match &json {
        Some(Ok(value)) => Format::of_json(value),
        Some(Err(_)) => None,
        None => Format::of_text(text),
    };
    let Some(format) = options.format().or_else(recognised) else {
        let unknown = "its format is not recognised: name it with `format`";
        match (json, lines::misfit(text)) {
            (Some(Err(fault)), _) => sheet.refuse_fault(fault),
            (None, Some((position, reason))) => {
                sheet.refuse(position, format!("{unknown}; as `lines`, {reason}"));
            }
            _ => sheet.refuse(Position::File, unknown),
        }
        return;
    };
    if let Some(read) = text_reader(format) {
        read(text, options, sheet);
        return;
    }
    match json {
        Some(Ok(value)) => {
            let root = json::Node::root(&value);
            match format {
                Format::Bmf => bmf::read(&root, sheet),
                Format::Fio => fio::read(&root, sheet),
                Format::GithubActionBenchmark => github_action_benchmark::read(&root, sheet),
                Format::GoogleBenchmark => google_benchmark::read(&root, sheet),
                Format::Hyperfine => hyperfine::read(&root, sheet),
                Format::Jmh => jmh::read(&root, sheet),
                Format::K6 => k6::read(&root, sheet),
                Format::Oha => oha::read(&root, sheet),
                Format::PytestBenchmark => pytest_benchmark::read(&root, sheet),
                Format::Json => json_path::read(&value, options, sheet),
                // They are no JSON, or several files.
                Format::Criterion
                | Format::Csv
                | Format::Go
                | Format::Lines
                | Format::OpenMetrics
                | Format::Sysbench
                | Format::Wrk => {}
            }
        }
        Some(Err(fault)) => sheet.refuse_fault(fault),
        None => sheet.refuse(
            Position::File,
            format!("the file is no JSON, which {format} is"),
        ),
    }
}

type ReadText = fn(&str, &Options, &mut Sheet);

/// The reader of a format that is not JSON.
fn text_reader(format: Format) -> Option<ReadText> {
    match format {
        Format::Csv => Some(csv::read),
        Format::Go => Some(|text, _, sheet| go::read(text, sheet)),
        Format::Lines => Some(lines::read),
        Format::OpenMetrics => Some(|text, _, sheet| openmetrics::read(text, sheet)),
        Format::Sysbench => Some(|text, _, sheet| sysbench::read(text, sheet)),
        Format::Wrk => Some(|text, _, sheet| wrk::read(text, sheet)),
        _ => None,
    }
}

/// Puts what all entries have together. The names of the readings are unique: one that several files have gets the path of
/// each.
pub fn join(sheets: Vec<Sheet>) -> (Vec<Reading>, Vec<Flaw>) {
    let mut readings = Vec::new();
    let mut flaws = Vec::new();
    for sheet in sheets {
        let (found, refused) = sheet.into_parts();
        readings.extend(found);
        flaws.extend(refused);
    }
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for Reading { name, .. } in &readings {
        *files.entry(name.clone()).or_default() += 1;
    }
    for reading in &mut readings {
        if files.get(&reading.name).is_some_and(|count| *count > 1) {
            reading.name = reading.name_with_file();
        }
    }
    (readings, flaws)
}

#[cfg(test)]
mod tests;
