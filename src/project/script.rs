//! A script on disk: whether it can run.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Flaw;
use crate::step::ScriptPath;

/// The first bytes of an ELF program, which needs no interpreter.
const ELF: &[u8] = b"\x7fELF";

/// Finds the flaws of a script, all at once.
///
/// # Errors
/// The flaws.
pub(super) fn inspect(directory: &Path, script: &ScriptPath) -> Result<(), Vec<Flaw>> {
    let path = directory.join(script.as_str());
    let flaw =
        |fault: &str, remedy: String| Flaw::new(format!("the script `{script}` {fault}"), remedy);
    let unreadable = |error: &io::Error| {
        let remedy = "check its path and permissions".into();
        vec![flaw(&format!("cannot be read: {error}"), remedy)]
    };
    let resolved = fs::canonicalize(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let remedy = format!("create {}, or correct the name", path.display());
            vec![flaw("does not exist", remedy).of_absent()]
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
                assert!(flaws.iter().all(|flaw| !flaw.remedy.is_empty()));
                let faults = flaws.into_iter().map(|flaw| flaw.message);
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
}
