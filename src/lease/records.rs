//! Leases on disk: written before anything is rented, so that a crash leaves a trace to follow.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blocking::off_the_runtime;
use crate::instance::LeaseToken;
use crate::provider::ProviderError;

/// A lease whose instances may exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// The token of the launch call.
    pub lease: LeaseToken,
    /// `ec2` or `local`.
    pub provider: String,
    /// The region of its instances.
    pub region: String,
    /// The account that pays, where the provider has one.
    #[serde(default)]
    pub account: Option<String>,
    /// When this was written.
    pub saved_at: Timestamp,
}

/// A record that a living process works under.
#[derive(Debug)]
pub struct HeldLease {
    // It is open for its lock.
    _file: File,
}

/// The directory that holds a file for each lease.
#[derive(Debug, Clone)]
pub struct LeaseRecords(pub(super) PathBuf);

impl LeaseRecords {
    /// Uses this directory; it is made when it is first needed.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    fn path(&self, lease: &LeaseToken) -> PathBuf {
        self.0.join(format!("{lease}.json"))
    }

    /// Writes a lease down and waits until it is on disk. Until what comes back is dropped, [`Self::is_held`] tells so.
    ///
    /// # Errors
    /// [`ProviderError::Unrecorded`], or [`ProviderError::AlreadyLeased`] where it is on disk already; nothing must be launched
    /// then.
    pub async fn save(&self, record: &LeaseRecord) -> Result<HeldLease, ProviderError> {
        let path = self.path(&record.lease);
        let shown = path.display().to_string();
        let (directory, record) = (self.0.clone(), record.clone());
        off_the_runtime(move || write(&directory, &path, &record))
            .await
            .map_err(|source| ProviderError::Unrecorded {
                path: shown.clone(),
                source,
            })?
            .ok_or(ProviderError::AlreadyLeased { path: shown })
    }

    /// Whether the process that wrote a lease down still works under it. A file system without locks says no.
    pub fn is_held(&self, lease: &LeaseToken) -> bool {
        let file = File::open(self.path(lease));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Removes a lease whose instances are gone. That it stays is harmless: `reap` finds nothing behind it.
    pub async fn forget(&self, lease: &LeaseToken) {
        let (records, lease) = (self.clone(), lease.clone());
        let forgetting = move || {
            records.forget_instances(|instance| instance.lease == lease);
            records.forget_dead_stages();
            fs::remove_file(records.path(&lease))
        };
        let _ = off_the_runtime(forgetting).await;
    }

    /// Every lease on disk; files that cannot be read are passed over.
    pub fn all(&self) -> Vec<LeaseRecord> {
        let Ok(entries) = fs::read_dir(&self.0) else {
            return Vec::new();
        };
        let mut records: Vec<LeaseRecord> = entries
            .filter_map(|entry| read(&entry.ok()?.path()))
            .collect();
        records.sort_by(|a, b| a.lease.cmp(&b.lease));
        records
    }
}

/// Writes a record, unless there is one. Only a shard is ever begun twice under one lease: the other
/// one may be at it, and its record is not to be lost.
fn write(directory: &Path, path: &Path, record: &LeaseRecord) -> io::Result<Option<HeldLease>> {
    fs::create_dir_all(directory)?;
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if read(path).is_some() {
                return Ok(None);
            }
            // It broke off before anything was launched under it.
            File::create(path)?
        }
        created => created?,
    };
    file.write_all(&serde_json::to_vec(record)?)?;
    file.sync_all()?;
    File::open(directory)?.sync_all()?;
    // A file system without locks is as good as one where nobody else looks.
    let _ = file.try_lock();
    Ok(Some(HeldLease { _file: file }))
}

fn read(path: &Path) -> Option<LeaseRecord> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_is_on_disk_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path().join("leases"));
        let record = LeaseRecord {
            lease: LeaseToken::new("run-1"),
            provider: "ec2".into(),
            region: "eu-central-1".into(),
            account: Some("123456789012".into()),
            saved_at: Timestamp::now(),
        };
        assert_eq!(records.all(), []);
        let held = records.save(&record).await.unwrap();
        assert!(records.is_held(&record.lease));
        assert_eq!(records.all(), std::slice::from_ref(&record));
        let again = records.save(&record).await.unwrap_err();
        assert!(again.hint().unwrap().contains("--run NAME"), "{again}");
        drop(held);
        assert!(!records.is_held(&record.lease), "its process is gone");
        records.forget(&record.lease).await;
        assert_eq!(records.all(), []);
    }

    #[tokio::test]
    async fn a_record_that_broke_off_is_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path());
        let record = LeaseRecord {
            lease: LeaseToken::new("run-1"),
            provider: "ec2".into(),
            region: "eu-central-1".into(),
            account: None,
            saved_at: Timestamp::now(),
        };
        fs::write(records.path(&record.lease), "{\"lease\": \"ru").unwrap();
        records.save(&record).await.unwrap();
        assert_eq!(records.all(), [record]);
    }
}
