//! The comment on a pull request: one table that several jobs write to at the same time.
//!
//! A comment carries its rows in a form that can be read back. Every job reads the comment, joins its own row to what
//! is there and writes the result; because joining is commutative, associative and idempotent, jobs that overwrite
//! each other need only try again until their row has stayed.

mod render;
pub(crate) mod sync;

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::markdown::clipped;
use crate::instance::InstanceId;
use crate::report::Outcome;

/// GitHub refuses a comment of more than 65,536 characters, and no text has more characters than bytes.
pub(crate) const MAX_BYTES: usize = 64_000;

/// Of these, so many are for the rows in the form that can be read back.
const HIDDEN_BYTES: usize = 24_000;

/// The most that a hidden part may hold when it is unpacked.
const MAX_UNPACKED: u64 = 1 << 20;

/// The longest comparison of a job, in bytes.
pub(crate) const COMPARISON: usize = 16_000;

/// The longest of each, in characters.
const MAX_LABEL: usize = 100;
const MAX_ERROR: usize = 300;
const MAX_REVISION: usize = 128;
const MAX_URL: usize = 300;

const HIDDEN: &str = "<!-- rows:";
const END: &str = " -->";

/// The subject of a comment; each key has one comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommentKey {
    /// The name of the workflow.
    pub workflow: String,
    /// The path of the config file in the repository.
    pub config: String,
}

impl CommentKey {
    /// The first line of the comment, which nobody sees.
    pub(crate) fn marker(&self) -> String {
        format!(
            "<!-- collector:{}{END}",
            fingerprint(&[&self.workflow, &self.config])
        )
    }
}

/// A job in all of its attempts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct JobKey(String);

impl JobKey {
    /// The identity of a job in a workflow: the job's id, the id of the action's step, and the matrix.
    pub(crate) fn new(job: &str, step: &str, matrix: &str) -> Self {
        Self(fingerprint(&[job, step, matrix]))
    }
}

/// The row of a job. Rows are ordered by their fields as they stand, so that a later one of the same job is greater: `run`,
/// `attempt` and `finished` come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Row {
    /// `GITHUB_RUN_ID`.
    pub run: u64,
    /// `GITHUB_RUN_ATTEMPT`.
    pub attempt: u32,
    /// When the job was through.
    pub finished: Timestamp,
    /// The job.
    pub job: JobKey,
    /// The job's name for people.
    pub label: String,
    /// The revision.
    pub revision: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its duration, in seconds.
    pub took: u64,
    /// Its machine.
    pub instance: Option<Machine>,
    /// The number of collected files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// The page of the uploaded results.
    pub artifact_url: Option<String>,
    /// The page of the workflow run.
    pub run_url: String,
    /// The first error.
    pub error: Option<String>,
    /// The comparison of candidate and baseline, as Markdown whose first line is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<String>,
    /// The number of steps that ran out of time.
    #[serde(default, skip_serializing_if = "is_none")]
    pub timed_out: usize,
    /// Which of several samples of the job it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Row {
    /// The row without what is too long for a comment.
    fn bounded(self) -> Self {
        Self {
            label: clipped(&self.label, MAX_LABEL),
            revision: clipped(&self.revision, MAX_REVISION),
            artifact_url: self.artifact_url.filter(|url| url.len() <= MAX_URL),
            run_url: clipped(&self.run_url, MAX_URL),
            error: self.error.map(|error| clipped(&error, MAX_ERROR)),
            comparison: self.comparison.filter(|text| text.len() <= COMPARISON),
            ..self
        }
    }
}

/// The machine of a job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Its id.
    pub id: InstanceId,
    /// The instance type.
    pub instance_type: Option<String>,
    /// Where it is.
    pub region: String,
}

/// The latest row of each job, all of the newest workflow run that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    rows: BTreeMap<JobKey, Row>,
}

impl From<Row> for Rows {
    fn from(row: Row) -> Self {
        [row].into_iter().collect()
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let rows: Vec<Row> = rows.into_iter().map(Row::bounded).collect();
        let newest = rows.iter().map(|row| row.run).max();
        let mut latest = BTreeMap::<JobKey, Row>::new();
        for row in rows.into_iter().filter(|row| Some(row.run) == newest) {
            let later = match latest.remove(&row.job) {
                Some(known) => known.max(row),
                None => row,
            };
            latest.insert(later.job.clone(), later);
        }
        Self { rows: latest }
    }
}

impl Rows {
    /// Reads back what a comment holds; `None` if it is another comment.
    pub(crate) fn parse(body: &str, key: &CommentKey) -> Option<Self> {
        let mut lines = body.lines();
        if lines.next()?.trim_end() != key.marker() {
            return None;
        }
        // A comment that somebody has edited is written anew.
        let rows = lines
            .next()
            .and_then(|line| line.trim_end().strip_prefix(HIDDEN)?.strip_suffix(END))
            .and_then(unpacked);
        Some(rows.unwrap_or_default().into_iter().collect())
    }

    /// Joins two sets of rows.
    #[must_use]
    pub(crate) fn merge(self, other: Self) -> Self {
        self.rows
            .into_values()
            .chain(other.rows.into_values())
            .collect()
    }

    /// Whether they hold this row, or one that takes its place.
    pub(crate) fn contains(&self, row: &Row) -> bool {
        let known = self.rows.get(&row.job);
        self.is_newer_than(row)
            || known.is_some_and(|known| {
                (known.run, known.attempt, known.finished) >= (row.run, row.attempt, row.finished)
            })
    }

    /// Whether they are of a newer workflow run than this row, which is not shown then.
    pub(crate) fn is_newer_than(&self, row: &Row) -> bool {
        self.run() > Some(row.run)
    }

    fn run(&self) -> Option<u64> {
        self.rows.values().map(|row| row.run).max()
    }

    /// The comment, of at most [`MAX_BYTES`].
    pub(crate) fn body(&self, key: &CommentKey) -> String {
        let rows = render::sorted(self.rows.values());
        let start = format!("{}\n{}\n\n", key.marker(), hidden(&rows));
        let budget = MAX_BYTES - start.len();
        start + &render::render(&rows, key, budget)
    }
}

/// The rows in a form that can be read back. Should they be too many, the errors are shortened first, then they
/// are left out, then the last rows are.
fn hidden(rows: &[&Row]) -> String {
    let mut rows: Vec<Row> = rows.iter().copied().cloned().collect();
    let mut errors = [MAX_ERROR / 4, 0].into_iter();
    let mut with_comparisons = true;
    loop {
        let packed = packed(&rows).unwrap_or_default();
        if packed.len() <= HIDDEN_BYTES {
            return format!("{HIDDEN}{packed}{END}");
        }
        if std::mem::take(&mut with_comparisons) {
            let comparisons: usize = rows
                .iter()
                .filter_map(|row| row.comparison.as_ref())
                .map(String::len)
                .sum();
            if comparisons > HIDDEN_BYTES {
                for row in &mut rows {
                    row.comparison = None;
                }
                continue;
            }
        }
        match errors.next() {
            Some(0) => rows.iter_mut().for_each(|row| row.error = None),
            Some(most) => {
                for error in rows.iter_mut().filter_map(|row| row.error.as_mut()) {
                    *error = clipped(error, most);
                }
            }
            None => rows.truncate((rows.len() * HIDDEN_BYTES / packed.len()).min(rows.len() - 1)),
        }
    }
}

/// Base64 holds nothing that would end an HTML comment.
fn packed(rows: &[Row]) -> io::Result<String> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut packed, rows)?;
    Ok(STANDARD.encode(packed.finish()?))
}

fn unpacked(packed: &str) -> Option<Vec<Row>> {
    let packed = STANDARD.decode(packed).ok()?;
    let json = ZlibDecoder::new(packed.as_slice()).take(MAX_UNPACKED);
    serde_json::from_reader(json).ok()
}

/// 16 hexadecimal digits that other texts do not have.
fn fingerprint(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(16);
    digits
}

#[cfg(test)]
mod tests;
