//! A browser, and the pages of results in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::skip;

/// The scripts that drive it.
pub(crate) const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report");

/// The browser's driver.
pub(crate) struct Browser {
    driver: PathBuf,
}

impl Browser {
    /// `None` where it is not installed and need not be.
    #[track_caller]
    pub(crate) fn installed() -> Option<Self> {
        let setup = Path::new(SCRIPTS).join("setup");
        let directory = Command::new(setup).arg("--where").output().unwrap();
        let driver = PathBuf::from(String::from_utf8(directory.stdout).unwrap().trim());
        let installed = driver.join("node_modules/playwright-core").exists();
        if installed && Path::new("/usr/bin/chromium").exists() {
            return Some(Self { driver });
        }
        skip("a browser is missing: tests/report/setup installs it");
        None
    }

    /// What a script prints of a page that behaves: it says nothing on the console, asks for nothing, opens no dialog, fits into
    /// every width, and everybody can use it.
    #[track_caller]
    fn in_every_view(&self, script: &str, page: &Path) -> Value {
        let mut command = Command::new("node");
        command.arg(Path::new(SCRIPTS).join(script));
        let output = command.arg(&self.driver).arg(page).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let seen: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
        for quiet in ["said", "requests", "violations"] {
            assert_eq!(seen[quiet], json!([]), "{quiet}");
        }
        assert_eq!(
            (&seen["dialogs"], &seen["overflow"]),
            (&json!(0), &json!(0))
        );
        seen
    }

    /// What is seen of a page that somebody uses.
    #[track_caller]
    pub(crate) fn look(&self, page: &Path) -> Value {
        self.in_every_view("look.mjs", page)
    }

    /// The text of the sections of a page, by their ids.
    #[track_caller]
    pub(crate) fn read(&self, page: &Path) -> Value {
        self.in_every_view("read.mjs", page)["sections"].take()
    }
}
