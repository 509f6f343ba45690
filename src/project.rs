//! The user's directory: the config file and the scripts beside it, as they are on disk.

mod create;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, ConfigErrors, MAX_FILE_SIZE, Source};
use crate::project_file::ProjectFile;
use crate::step::ScriptPath;
pub use create::{CreateError, create};

/// The name of the config file in a directory, and in the results.
pub const CONFIG_FILE: &str = "config.yml";

/// The first bytes of an ELF program, which needs no interpreter.
const ELF: &[u8] = b"\x7fELF";

/// A reason why a config cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It cannot be read.
    #[error("reading {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is too large to be a config.
    #[error("{} has {size} bytes, {MAX_FILE_SIZE} are allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// It is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It is not valid.
    #[error("{0}")]
    Invalid(Arc<ConfigErrors>),
}

impl ProjectError {
    /// A remedy.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("give the path of a config file, or of a directory that holds `config.yml`")
            }
            Self::Unreadable { .. } => Some("make the file readable"),
            Self::TooLarge { .. } => Some("is it a config file?"),
            Self::NotText { .. } => Some("save it as UTF-8"),
            // Each of its problems carries its own.
            Self::Invalid(_) => None,
        }
    }
}

/// A valid config and where it lies.
#[derive(Debug)]
pub struct Project {
    /// The config.
    pub config: Config,
    /// The directory of the config file, absolute.
    pub directory: PathBuf,
    /// The config file and every script, as they were when they were checked.
    pub files: Vec<ProjectFile>,
}

impl Project {
    /// Reads and checks a config file, or the `config.yml` of a directory, with all of its scripts.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn open(path: &Path, local: bool) -> Result<Self, ProjectError> {
        let path = if path.is_dir() {
            path.join(CONFIG_FILE)
        } else {
            path.to_owned()
        };
        let unreadable = |source| ProjectError::Unreadable {
            path: path.clone(),
            source,
        };
        let size = fs::metadata(&path).map_err(unreadable)?.len();
        if size > MAX_FILE_SIZE {
            return Err(ProjectError::TooLarge { path, size });
        }
        let content = fs::read(&path).map_err(unreadable)?;
        let Ok(text) = std::str::from_utf8(&content) else {
            return Err(ProjectError::NotText { path });
        };
        let absolute = fs::canonicalize(&path).map_err(unreadable)?;
        let directory = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        let source = Source {
            path: &path,
            text,
            local,
        };
        let config = Config::parse(source, &|script| inspect(&directory, script))
            .map_err(|errors| ProjectError::Invalid(Arc::new(errors)))?;
        let mut names = BTreeSet::new();
        let mut files = vec![ProjectFile {
            path: CONFIG_FILE.into(),
            mode: 0o644,
            content,
        }];
        for (_, step) in config.steps() {
            let name = step.script.as_str();
            if name == CONFIG_FILE || !names.insert(name) {
                continue;
            }
            let script = directory.join(name);
            let unreadable = |source| ProjectError::Unreadable {
                path: script.clone(),
                source,
            };
            files.push(ProjectFile {
                path: name.into(),
                mode: fs::metadata(&script)
                    .map_err(unreadable)?
                    .permissions()
                    .mode()
                    & 0o777,
                content: fs::read(&script).map_err(unreadable)?,
            });
        }
        Ok(Self {
            config,
            directory,
            files,
        })
    }
}

/// A fault of a script, and its remedy.
type Flaw = (String, String);

/// Finds the flaws of a script, all at once.
fn inspect(directory: &Path, script: &ScriptPath) -> Result<(), Vec<Flaw>> {
    let path = directory.join(script.as_str());
    let flaw = |fault: &str, remedy: String| (format!("the script `{script}` {fault}"), remedy);
    let unreadable = |error: &io::Error| {
        let remedy = "check its path and permissions".into();
        vec![flaw(&format!("cannot be read: {error}"), remedy)]
    };
    let resolved = fs::canonicalize(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let remedy = format!("create {}, or correct the name", path.display());
            vec![flaw("does not exist", remedy)]
        }
        _ => unreadable(&error),
    })?;
    if !resolved.starts_with(directory) {
        let remedy = "put the script itself there".into();
        return Err(vec![flaw(
            "is a link that leaves the config file's directory",
            remedy,
        )]);
    }
    let metadata = fs::metadata(&resolved).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(vec![flaw(
            "is not a file",
            "give the path of a script".into(),
        )]);
    }
    let mut flaws = Vec::new();
    if metadata.permissions().mode() & 0o111 == 0 {
        flaws.push(flaw(
            "is not executable",
            format!("chmod +x {}", path.display()),
        ));
    }
    let mut start = Vec::new();
    fs::File::open(&resolved)
        .and_then(|file| file.take(256).read_to_end(&mut start))
        .map_err(|error| unreadable(&error))?;
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if line.starts_with(b"#!") && line.ends_with(b"\r") {
        flaws.push(flaw(
            "has Windows line ends: its interpreter would not be found",
            format!("sed -i 's/\\r$//' {}", path.display()),
        ));
    }
    if !line.starts_with(b"#!") && !start.starts_with(ELF) {
        flaws.push(flaw(
            "has no interpreter line",
            "start it with `#!/bin/sh`, `#!/usr/bin/env python3`, …".into(),
        ));
    }
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn script(directory: &Path, name: &str, content: &str, mode: u32) {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn each_way_in_which_a_script_cannot_run_is_told() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let directory = outer.join("project");
        fs::create_dir(&directory).unwrap();
        script(&outer, "outside.sh", "#!/bin/sh\n", 0o755);
        symlink("../outside.sh", directory.join("escape.sh")).unwrap();
        script(&directory, "good.sh", "#!/bin/sh\n", 0o755);
        symlink("good.sh", directory.join("link.sh")).unwrap();
        script(&directory, "plain.sh", "#!/bin/sh\n", 0o644);
        script(&directory, "bare.sh", "echo hello\n", 0o755);
        script(&directory, "dos.sh", "#!/bin/sh\r\necho\r\n", 0o755);
        fs::create_dir(directory.join("dir")).unwrap();
        let told = |name: &str| {
            let problem = inspect(&directory, &ScriptPath::parse(name).unwrap());
            problem.map_err(|flaws| {
                assert!(flaws.iter().all(|(_, remedy)| !remedy.is_empty()));
                let faults = flaws.into_iter().map(|(fault, _)| fault);
                faults.collect::<Vec<_>>().join("; ")
            })
        };
        assert_eq!(told("good.sh"), Ok(()));
        assert_eq!(told("link.sh"), Ok(()));
        for (name, message) in [
            ("absent.sh", "does not exist"),
            ("escape.sh", "leaves the config file's directory"),
            ("plain.sh", "is not executable"),
            ("bare.sh", "has no interpreter line"),
            ("dos.sh", "has Windows line ends"),
            ("dir", "is not a file"),
        ] {
            assert!(told(name).unwrap_err().contains(message), "{name}");
        }
        script(&directory, "both.sh", "echo hello\n", 0o644);
        assert_eq!(
            told("both.sh").unwrap_err(),
            "the script `both.sh` is not executable; the script `both.sh` has no interpreter line"
        );
    }

    #[test]
    fn a_huge_file_is_not_even_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yml");
        fs::File::create(&path).unwrap().set_len(10 << 20).unwrap();
        let error = Project::open(directory.path(), true).unwrap_err();
        assert!(matches!(error, ProjectError::TooLarge { .. }), "{error}");
    }
}
