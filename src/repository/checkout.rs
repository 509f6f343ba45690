//! The checkout of a commit, made on this machine and packed, so that no git is needed where it is sent to.

use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::RepositoryError;
use super::git::Git;
use crate::blocking::off_the_runtime;
use crate::revision::Commit;
use crate::shell::Shell;

/// The time after which git has stalled over a checkout: it says nothing while it copies objects and writes files.
const CHECKOUT_STALL: Duration = Duration::from_mins(15);

const CHECKING_OUT: &str = "checking the commit out";

/// The last file of an archive; `receive_source.sh` removes it.
const LAST_FILE: &str = ".git/collector";

/// Holds the commit in a checkout, and what leads to it.
const COMMIT_REF: &str = "refs/collector/commit";

/// A commit as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The directory with the files, and a `.git` with the history and the tags that lead to the commit.
    pub directory: PathBuf,
    /// The same as a tar archive.
    pub archive: PathBuf,
    /// Its size, in bytes.
    pub size: u64,
}

/// Checks the commit of a clone out into `scratch`. The clone is only read.
pub(super) async fn make(
    git: &Git<'_, impl Shell>,
    clone: &Path,
    commit: &Commit,
    scratch: &Path,
) -> Result<Checkout, RepositoryError> {
    let directory = scratch.join("source");
    create(&directory).await?;
    let git = git.at(&directory);
    let (clone, hash) = (clone.to_string_lossy(), commit.as_str());
    let refspec = format!("+{hash}:{COMMIT_REF}");
    let fetch = [
        "fetch",
        "--quiet",
        "--update-shallow",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        &clone,
        &refspec,
    ];
    for words in [
        &["init", "--quiet", "--template="][..],
        &fetch,
        &["checkout", "--quiet", "--detach", hash],
    ] {
        git.get(CHECKING_OUT, words, CHECKOUT_STALL).await?;
    }
    let archive = scratch.join("source.tar");
    let (from, to, last) = (directory.clone(), archive.clone(), hash.to_owned());
    let size = file_work("packing", &archive, move || pack(&from, &last, &to)).await?;
    Ok(Checkout {
        directory,
        archive,
        size,
    })
}

/// Fetches a commit without its files and its history, to see whether a server has it.
pub(super) async fn fetch_alone(
    git: &Git<'_, impl Shell>,
    url: &str,
    commit: &Commit,
    scratch: &Path,
) -> Result<(), RepositoryError> {
    let directory = scratch.join("probe");
    create(&directory).await?;
    let git = git.at(&directory);
    let fetch = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--filter=tree:0",
        "--no-tags",
        "--",
        url,
        commit.as_str(),
    ];
    for words in [&["init", "--quiet", "--bare", "--template="][..], &fetch] {
        git.get(super::LOOKING_UP, words, super::LOOKUP_STALL)
            .await?;
    }
    Ok(())
}

/// Creates a directory that nobody else looks into.
async fn create(directory: &Path) -> Result<(), RepositoryError> {
    let path = directory.to_owned();
    file_work("creating", directory, move || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    })
    .await
}

/// Packs the directory, and as the last file the hash, by which the other end knows that everything came.
fn pack(directory: &Path, hash: &str, archive: &Path) -> io::Result<u64> {
    let mut tar = tar::Builder::new(BufWriter::new(File::create(archive)?));
    tar.follow_symlinks(false);
    // Holes are an extension that not every tar knows.
    tar.sparse(false);
    tar.append_dir_all(".", directory)?;
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(hash.len() as u64);
    tar.append_data(&mut header, LAST_FILE, hash.as_bytes())?;
    let file = tar.into_inner()?.into_inner()?;
    Ok(file.metadata()?.len())
}

/// Does file work off the runtime; an error says what it was for.
async fn file_work<T: Send + 'static>(
    what: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, RepositoryError> {
    off_the_runtime(work)
        .await
        .map_err(|source| RepositoryError::Io {
            what,
            path: path.to_owned(),
            source,
        })
}
