//! The files that travel to the instance, looked up on disk: the scripts, what `upload` names, and the config.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::{CONFIG_FILE, Flaw, script};
use crate::config::{Config, Upload, UploadKind, Wildcards};
use crate::project_file::{Content, ProjectFile};
use crate::step::ScriptPath;

/// The files that travel, as they were when they were looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// In the order of their places on the instance: a directory before what is in it.
    pub files: Vec<ProjectFile>,
    /// Files that stay on this machine although they are named, and why.
    pub warnings: Vec<String>,
    /// Files that cannot be sent as they are.
    pub flaws: Vec<Flaw>,
}

/// Looks up all that travels. `left_out` are directories that never do, such as that of the results.
pub(crate) fn select(
    directory: &Path,
    config: &Config,
    text: &[u8],
    left_out: &[PathBuf],
) -> Selection {
    let mut search = Search::new(directory, &config.upload, left_out);
    let scripts: BTreeSet<&ScriptPath> = config.steps().map(|(_, step)| &step.script).collect();
    for script in scripts {
        let name = script.as_str();
        match script::inspect(directory, script) {
            Ok(()) => search.add_named(&directory.join(name), name.into(), name),
            Err(flaws) => search.flaws.extend(flaws),
        }
    }
    for upload in &config.upload {
        search.add(upload);
    }
    // The user's own file of that name wins.
    let config_file = PathBuf::from(CONFIG_FILE);
    search
        .found
        .entry(config_file.clone())
        .or_insert(ProjectFile {
            destination: config_file,
            content: Content::Text(text.to_owned()),
        });
    Selection {
        files: search.found.into_values().collect(),
        warnings: search.warnings,
        flaws: search.flaws,
    }
}

/// Finds the flaws of a line of `upload`.
pub(super) fn inspect(directory: &Path, upload: &Upload, all: &[Upload]) -> Vec<Flaw> {
    let mut search = Search::new(directory, all, &[]);
    search.add(upload);
    search.flaws
}

/// A search for what travels.
struct Search<'a> {
    directory: &'a Path,
    left_out: &'a [PathBuf],
    exceptions: Vec<&'a Wildcards>,
    /// The places of what is named by its path.
    named: BTreeSet<&'a Path>,
    found: BTreeMap<PathBuf, ProjectFile>,
    warnings: Vec<String>,
    flaws: Vec<Flaw>,
}

impl<'a> Search<'a> {
    fn new(directory: &'a Path, uploads: &'a [Upload], left_out: &'a [PathBuf]) -> Self {
        let exceptions = uploads.iter().filter_map(|upload| match &upload.kind {
            UploadKind::Except(wildcards) => Some(wildcards),
            UploadKind::Path { .. } | UploadKind::Glob(_) => None,
        });
        let named = uploads.iter().filter_map(|upload| match &upload.kind {
            UploadKind::Path { destination, .. } => Some(destination.as_path()),
            UploadKind::Glob(_) | UploadKind::Except(_) => None,
        });
        Self {
            directory,
            left_out,
            exceptions: exceptions.collect(),
            named: named.collect(),
            found: BTreeMap::new(),
            warnings: Vec::new(),
            flaws: Vec::new(),
        }
    }

    fn add(&mut self, upload: &Upload) {
        match &upload.kind {
            UploadKind::Path {
                source,
                destination,
            } => {
                let source = self.directory.join(expand_home(source));
                self.add_named(&source, destination.clone(), &upload.text);
            }
            UploadKind::Glob(wildcards) => self.add_matching(wildcards, &upload.text),
            UploadKind::Except(_) => {}
        }
    }

    /// Adds what is named by its path: a link is followed, because it is what it leads to that is meant.
    fn add_named(&mut self, source: &Path, destination: PathBuf, text: &str) {
        let looked_up =
            fs::canonicalize(source).and_then(|source| Ok((fs::metadata(&source)?, source)));
        let (metadata, source) = match looked_up {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let remedy = format!("create {}, or correct the name", source.display());
                let flaw = Flaw::new(format!("`{text}` does not exist"), remedy);
                self.flaws.push(flaw.of_absent());
                return;
            }
            Err(error) => return self.refuse_unreadable(text, &error),
        };
        if metadata.is_dir() {
            if !destination.as_os_str().is_empty() {
                self.enter(destination.clone(), directory(&source));
            }
            // In a tree from elsewhere nothing leads out of that, in one of this machine nothing out of this directory.
            let boundary = if source.starts_with(self.directory) {
                PathBuf::new()
            } else {
                destination.clone()
            };
            self.walk(&source, &destination, &boundary, None);
        } else if metadata.is_file() {
            self.add_file(&source, &metadata, destination);
        } else {
            self.flaws.push(Flaw::new(
                format!("`{text}` is {}", kind(metadata.file_type())),
                "only files, directories and links can be sent",
            ));
        }
    }

    fn add_matching(&mut self, wildcards: &Wildcards, text: &str) {
        let before = self.found.len();
        let base = wildcards.base();
        let source = self.directory.join(base);
        let matched = source.is_dir() && self.walk(&source, base, Path::new(""), Some(wildcards));
        if !matched && self.found.len() == before {
            let remedy =
                "correct the glob, or remove it; `*` ends at a slash, `**/*` goes into directories";
            let flaw = Flaw::new(format!("`{text}` matches nothing"), remedy);
            self.flaws.push(flaw.of_absent());
        }
    }

    /// Adds what is in a directory, or what of it the wildcards match. Returns whether there was anything.
    fn walk(
        &mut self,
        root: &Path,
        prefix: &Path,
        boundary: &Path,
        wildcards: Option<&Wildcards>,
    ) -> bool {
        let place = |path: &Path| prefix.join(path.strip_prefix(root).unwrap_or(path));
        // The directory that matched, with all that is in it.
        let mut whole: Option<PathBuf> = None;
        let mut any = false;
        let mut walk = WalkDir::new(root)
            .min_depth(1)
            .sort_by_file_name()
            .into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(root).display().to_string();
                    self.refuse_unreadable(&path, &error.into());
                    continue;
                }
            };
            let destination = place(entry.path());
            let is_directory = entry.file_type().is_dir();
            if self.stays(entry.path(), &destination) {
                if is_directory {
                    walk.skip_current_dir();
                }
                continue;
            }
            let inside = whole
                .as_ref()
                .is_some_and(|whole| destination.starts_with(whole));
            let selected = inside || wildcards.is_none_or(|globs| globs.matches(&destination));
            if selected {
                any = true;
                if is_directory && !inside {
                    whole = Some(destination.clone());
                }
                self.add_entry(&entry, destination, boundary);
            } else if is_directory
                && wildcards.is_some_and(|globs| !globs.may_match_below(&destination))
            {
                walk.skip_current_dir();
            }
        }
        any
    }

    fn stays(&self, source: &Path, destination: &Path) -> bool {
        let mut exceptions = self.exceptions.iter();
        exceptions.any(|wildcards| wildcards.matches(destination))
            || self.left_out.iter().any(|path| path == source)
    }

    fn add_entry(&mut self, entry: &DirEntry, destination: PathBuf, boundary: &Path) {
        let (path, kind_of_entry) = (entry.path(), entry.file_type());
        if kind_of_entry.is_dir() {
            self.enter(destination, directory(path));
        } else if kind_of_entry.is_symlink() {
            self.add_link(path, destination, boundary);
        } else if kind_of_entry.is_file() {
            match entry.metadata() {
                Ok(metadata) => self.add_file(path, &metadata, destination),
                Err(error) => {
                    self.refuse_unreadable(&destination.display().to_string(), &error.into());
                }
            }
        } else {
            self.warnings.push(format!(
                "`{}` is {} and does not travel",
                destination.display(),
                kind(kind_of_entry)
            ));
        }
    }

    fn add_file(&mut self, source: &Path, metadata: &Metadata, destination: PathBuf) {
        // What cannot be read is told before anything is rented.
        if let Err(error) = File::open(source) {
            return self.refuse_unreadable(&destination.display().to_string(), &error);
        }
        let content = Content::File {
            source: source.to_owned(),
            size: metadata.len(),
        };
        self.enter(destination, content);
    }

    fn add_link(&mut self, path: &Path, destination: PathBuf, boundary: &Path) {
        // A link that is named is followed, as is one that is a script.
        let named = self.named.contains(destination.as_path());
        if named || self.found.contains_key(&destination) {
            return;
        }
        match fs::read_link(path) {
            Ok(target) if leads_out(&destination, &target, boundary) => {
                let (link, target) = (destination.display(), target.display());
                self.flaws.push(Flaw::new(
                    format!("the link `{link}` leads to {target}, which is not sent with it"),
                    format!(
                        "make it relative and lead to something beside it, name it in `upload` to send what it leads to, or leave it out with `!{link}`"
                    ),
                ));
            }
            Ok(target) => self.enter(destination, Content::Link { target }),
            Err(error) => self.refuse_unreadable(&destination.display().to_string(), &error),
        }
    }

    /// Enters what has a place on the instance; two different things cannot have the same.
    fn enter(&mut self, destination: PathBuf, content: Content) {
        match self.found.get(&destination) {
            None => {
                let file = ProjectFile {
                    destination: destination.clone(),
                    content,
                };
                self.found.insert(destination, file);
            }
            Some(other) => {
                if let (Some(one), Some(other)) = (source(&other.content), source(&content))
                    && one != other
                {
                    let (one, other) = (one.display(), other.display());
                    self.flaws.push(Flaw::new(
                        format!(
                            "{one} and {other} would both be `{}` on the instance",
                            destination.display()
                        ),
                        "rename one of them",
                    ));
                }
            }
        }
    }

    fn refuse_unreadable(&mut self, path: &str, error: &io::Error) {
        let remedy = "make it readable, or leave it out with a `!` in `upload`";
        let flaw = Flaw::new(format!("`{path}` cannot be read: {error}"), remedy);
        self.flaws.push(flaw);
    }
}

fn directory(source: &Path) -> Content {
    Content::Directory {
        source: source.to_owned(),
    }
}

fn source(content: &Content) -> Option<&Path> {
    match content {
        Content::File { source, .. } | Content::Directory { source } => Some(source),
        Content::Link { .. } | Content::Text(_) => None,
    }
}

fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Whether a link at this place leads out of a directory, by the names alone.
fn leads_out(link: &Path, target: &Path, boundary: &Path) -> bool {
    let mut reached: Vec<_> = link.parent().unwrap_or(link).components().collect();
    let least = boundary.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => reached.push(part),
            Component::CurDir => {}
            Component::ParentDir if reached.len() > least => {
                reached.pop();
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests;
