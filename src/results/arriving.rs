//! Another collection of the same results: it arrives beside them, and takes the place of the earlier one.

use std::fs;
use std::path::PathBuf;

use super::{Results, ResultsError, file_work};
use crate::records::{FileState, Manifest};

impl Results {
    /// Makes an empty directory beside the results, for another collection.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make_arrival_directory(&self) -> Result<PathBuf, ResultsError> {
        let path = self
            .revision_directory
            .join(format!(".{}.arriving", self.name));
        let directory = path.clone();
        file_work("creating", &path, move || {
            if directory.exists() {
                fs::remove_dir_all(&directory)?;
            }
            fs::create_dir_all(&directory)
        })
        .await?;
        Ok(path)
    }

    /// Moves the files of another collection to this one; each takes the place of an earlier one of its name.
    ///
    /// # Errors
    /// When one cannot be moved; it stays where it is then.
    pub async fn take_over(&self, from: PathBuf, manifest: Manifest) -> Result<(), ResultsError> {
        let to = self.path.clone();
        file_work("moving files to", &self.path, move || {
            let missing = FileState::Missing;
            for entry in manifest.files.iter().filter(|entry| entry.state != missing) {
                let target = to.join(entry.path.as_path());
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::rename(from.join(entry.path.as_path()), target)?;
            }
            fs::remove_dir_all(from)
        })
        .await
    }
}
