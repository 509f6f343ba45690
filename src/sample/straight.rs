//! The results straight from the instance to the store: packed on the instance and sent by it with plain `PUT`s to signed
//! addresses, so that neither a credential goes to the instance nor a byte of the results over this machine.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::object_store::{ObjectStore, ObjectUpload, Part, StoreError, StoredPart, part_size};
use crate::records::Manifest;
use crate::shell::{
    Captured, Command, Reconnect, Shell, ShellError, execute_unless_stalled, run_idempotent,
};

const PACK: &str = include_str!("straight/pack.sh");
const PUT: &str = include_str!("straight/put.sh");
const REMOVE: &str = "rm -rf -- \"$1\"";

const SENDING: &str = "sending the results to the bucket";

/// What an instance without curl answers when it is to pack.
const NO_CURL: &str = "no curl";

/// For an answer of the instance, and for one part on a slow line.
const SILENCE_LIMIT: Duration = Duration::from_mins(5);

/// The slowest that an instance packs, in bytes a second: it is silent meanwhile.
const SLOWEST_PACKING: u64 = 8 << 20;

/// Why the results did not get to the store from the instance.
#[derive(Debug, thiserror::Error)]
pub(super) enum StraightError {
    /// The instance could not be talked to, or could not pack them.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The instance has nothing to send them with.
    #[error("the image has no curl")]
    NoCurl,
    /// The instance could not send them.
    #[error("{SENDING} failed on the instance: {0}")]
    Unsent(String),
    /// The store did not take them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer of the instance about its parts makes no sense.
    #[error("the instance tells nonsense about its parts: {0:?}")]
    Nonsense(String),
    /// The links could not be packed.
    #[error("packing the names of the results: {0}")]
    Names(#[from] io::Error),
}

impl StraightError {
    pub(super) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Shell(error) => error.hint(),
            Self::NoCurl => Some("the image needs `curl` (docs/s3.md)"),
            Self::Unsent(_) => Some("the instance needs a way to S3 (docs/s3.md)"),
            Self::Store(error) => error.hint(),
            Self::Nonsense(_) | Self::Names(_) => None,
        }
    }
}

/// The results on their way.
pub(super) struct Straight<'a, S, O> {
    pub(super) shell: &'a S,
    pub(super) store: &'a O,
    /// A directory on the instance for the parts; nobody else's.
    pub(super) directory: String,
}

impl<S: Shell, O: ObjectStore> Straight<'_, S, O> {
    /// Packs the files of the manifest on the instance. Their paths begin with `root` in the archive.
    pub(super) async fn pack(
        &self,
        root: &Path,
        manifest: &Manifest,
    ) -> Result<Vec<Part>, StraightError> {
        let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
        let patience = SILENCE_LIMIT + Duration::from_secs(bytes / SLOWEST_PACKING);
        let links = links(root, manifest)?;
        let top = root.iter().next().unwrap_or_default().to_string_lossy();
        let args = [
            self.directory.clone(),
            part_size(bytes).to_string(),
            top.into_owned(),
            links.len().to_string(),
        ];
        let pack = Command::new(PACK, args).in_bash().as_root();
        let what = "packing the results";
        let packed = run_idempotent(self.shell, what, &pack, &links, patience).await?;
        let text = String::from_utf8_lossy(&packed.stdout);
        if text.trim_end() == NO_CURL {
            return Err(StraightError::NoCurl);
        }
        let part = |(number, line)| {
            part(number, line).ok_or_else(|| StraightError::Nonsense(String::from(line)))
        };
        (1..).zip(text.lines()).map(part).collect()
    }

    /// Has the instance send its parts, over as many connections as it takes; one that arrived is not sent again.
    pub(super) async fn send(
        &self,
        upload: &ObjectUpload,
        parts: &[Part],
    ) -> Result<(), StraightError> {
        let put = Command::new(PUT, [self.directory.clone()]).as_root();
        let mut tags: BTreeMap<u32, String> = BTreeMap::new();
        let mut reconnect = Reconnect::new(self.shell);
        loop {
            let left = parts.iter().filter(|part| !tags.contains_key(&part.number));
            let left: Vec<Part> = left.copied().collect();
            // All had arrived when the connection was lost.
            if left.is_empty() {
                break;
            }
            let signed = self.store.sign(upload, &left).await?;
            let lines = left.iter().zip(signed);
            let lines =
                lines.map(|(part, put)| [part.number.to_string(), put.url, put.header].join(" "));
            let list = lines.collect::<Vec<_>>().join("\n") + "\n";
            let mut said = Captured::default();
            let ended = execute_unless_stalled(
                self.shell,
                SENDING,
                &put,
                list.as_bytes(),
                &mut said,
                SILENCE_LIMIT,
            )
            .await;
            let before = tags.len();
            tags.extend(
                String::from_utf8_lossy(&said.stdout)
                    .lines()
                    .filter_map(tag),
            );
            match ended {
                Ok(exit) if exit.success() => break,
                Ok(_) => return Err(StraightError::Unsent(said.stderr_line())),
                Err(error) => {
                    if tags.len() > before {
                        reconnect.progressed();
                    }
                    reconnect.after(error).await?;
                }
            }
        }
        let stored = parts.iter().map(|part| {
            let tag = tags.remove(&part.number);
            let missing = || StraightError::Nonsense(format!("no tag of part {}", part.number));
            Ok(StoredPart {
                part: *part,
                tag: tag.ok_or_else(missing)?,
            })
        });
        let stored: Vec<StoredPart> = stored.collect::<Result<_, StraightError>>()?;
        Ok(self.store.complete(upload, &stored).await?)
    }

    /// Makes room on the instance again.
    pub(super) async fn remove(&self) {
        let remove = Command::new(REMOVE, [self.directory.clone()]).as_root();
        // The instance goes soon.
        let what = "removing the packed results";
        let _ = run_idempotent(self.shell, what, &remove, &[], SILENCE_LIMIT).await;
    }
}

/// A tar stream of links with the names of the results to the files on the instance.
fn links(root: &Path, manifest: &Manifest) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in &manifest.files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        tar.append_link(
            &mut header,
            root.join(file.path.as_path()),
            file.source.as_path(),
        )?;
    }
    tar.into_inner()
}

/// A part as the instance tells of it: its checksum in hexadecimal digits, and its size.
fn part(number: u32, line: &str) -> Option<Part> {
    let (sum, size) = line.split_once(' ')?;
    let sha256 = hex::decode(sum).ok()?.try_into().ok()?;
    let size = size.parse().ok()?;
    Some(Part {
        number,
        size,
        sha256,
    })
}

/// The number of a part that was sent, and the tag that the store gave it.
fn tag(line: &str) -> Option<(u32, String)> {
    let (number, tag) = line.split_once(' ')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_tag = !tag.is_empty() && tag.chars().all(plain);
    is_tag.then_some((number.parse().ok()?, tag.to_owned()))
}

#[cfg(test)]
mod tests;
