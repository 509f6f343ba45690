//! The stage that an instance is in at the moment, for other processes of this machine to see.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::LeaseRecords;
use crate::blocking::off_the_runtime;
use crate::instance::{InstanceId, LeaseToken};
use crate::phase::Stage;

/// The end of the names of these files; those of leases end otherwise.
const SUFFIX: &str = "stage";

/// The stage that an instance is in.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    instance: InstanceId,
    stage: String,
}

/// A file that says what is done with an instance. It counts for as long as its writer lives, which holds a lock on it.
#[derive(Debug)]
pub(crate) struct StageFile {
    path: PathBuf,
    // Nothing reads it: it is open for its lock.
    _lock: File,
}

impl StageFile {
    /// Removes the file; that it stays is harmless.
    pub(crate) async fn remove(self) {
        let _ = off_the_runtime(move || fs::remove_file(&self.path)).await;
    }
}

impl LeaseRecords {
    /// Says what is done from now on with the instance of a sample.
    pub(crate) async fn begin_stage(
        &self,
        sample: &LeaseToken,
        instance: &InstanceId,
        stage: Stage,
    ) -> io::Result<StageFile> {
        let path = self.0.join(format!("{sample}.{SUFFIX}"));
        let new = path.with_extension("stage.partial");
        let content = Content {
            instance: instance.clone(),
            stage: stage.to_string(),
        };
        off_the_runtime(move || {
            let mut file = File::create(&new)?;
            file.lock()?;
            file.write_all(&serde_json::to_vec(&content)?)?;
            // It appears whole, and in the place of the one before.
            fs::rename(&new, &path)?;
            Ok(StageFile { path, _lock: file })
        })
        .await
    }

    /// The instances that a living process works with, and what it does.
    pub fn stages(&self) -> Vec<(InstanceId, String)> {
        let read = |path: &PathBuf| -> Option<(InstanceId, String)> {
            let file = File::open(path).ok()?;
            let Content { instance, stage } = serde_json::from_reader(file).ok()?;
            Some((instance, stage))
        };
        let (living, _) = self.stage_files();
        living.iter().filter_map(read).collect()
    }

    /// Removes what killed processes have left behind.
    pub(super) fn forget_dead_stages(&self) {
        let (_, dead) = self.stage_files();
        for path in dead {
            let _ = fs::remove_file(path);
        }
    }

    /// The files of living processes, and those of dead ones: who can lock a file is alone with it.
    fn stage_files(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == SUFFIX))
            .partition(|path| {
                let lock = File::open(path).and_then(|file| Ok(file.try_lock_shared()?));
                lock.is_err()
            })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::phase::Phase;

    #[tokio::test]
    async fn a_stage_counts_while_its_writer_lives() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path());
        let (sample, id) = (LeaseToken::new("run-1"), InstanceId::new("i-1"));
        assert_eq!(records.stages(), []);
        let first = records
            .begin_stage(&sample, &id, Stage::Ready)
            .await
            .unwrap();
        assert_eq!(records.stages(), [(id.clone(), "ready".into())]);
        let run = Stage::Scripts(Phase::Run);
        let second = records.begin_stage(&sample, &id, run).await.unwrap();
        drop(first);
        assert_eq!(records.stages(), [(id.clone(), "run".into())]);
        assert_eq!(records.all(), []);
        // As when its process is killed.
        drop(second);
        assert_eq!(records.stages(), []);
        records.forget_dead_stages();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let last = records
            .begin_stage(&sample, &id, Stage::Collect)
            .await
            .unwrap();
        last.remove().await;
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_disk_that_keeps_a_stage_waiting_holds_up_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path());
        let held = File::create(directory.path().join("run-1.stage.partial")).unwrap();
        held.lock().unwrap();
        let (sample, id) = (LeaseToken::new("run-1"), InstanceId::new("i-1"));
        let mut beginning = pin!(records.begin_stage(&sample, &id, Stage::Ready));
        assert!(beginning.as_mut().now_or_never().is_none());
        assert_eq!(records.stages(), []);
        drop(held);
        let stage = beginning.await.unwrap();
        assert_eq!(records.stages(), [(id.clone(), "ready".into())]);
        stage.remove().await;
    }
}
