//! Instances that may outlive their run because that was asked for, each with the way back to it: its login, its key and
//! where its results go. They lie beside the leases, and go with the instance.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::LeaseRecords;
use crate::blocking::off_the_runtime;
use crate::instance::{InstanceId, LeaseToken, RunId};
use crate::provider::{Access, Login};
use crate::report::SampleReport;
use crate::revision::Revision;

const RECORD: &str = "instance.json";
const PRIVATE_KEY: &str = "key";
const KNOWN_HOSTS: &str = "known_hosts";
const LOCK: &str = "under-way";

/// Only the user that collector runs as sees keys.
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// An instance that a later process can come back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptInstance {
    /// Its id.
    pub id: InstanceId,
    /// Its region.
    pub region: String,
    /// The run that launched it.
    pub run: RunId,
    /// The sample that was measured on it.
    pub sample: u32,
    /// The launch call that it came from.
    pub lease: LeaseToken,
    /// The way to it.
    pub access: Access,
    /// The directory of the jobs on it.
    pub jobs_dir: String,
    /// The revision that was measured.
    pub revision: Revision,
    /// The globs of its results.
    pub performance_results: Vec<String>,
    /// Where its results are while they are not complete, absolute.
    pub partial_results: PathBuf,
    /// Where they are when they are.
    pub results: PathBuf,
    /// Whether they are packed into an archive.
    pub archive: bool,
    /// The report of the sample where collector does not live to write another one.
    pub report: SampleReport,
    /// When it ends itself at the latest.
    pub expires_at: Timestamp,
    /// It was kept on purpose, and not because collector was killed.
    #[serde(default)]
    pub kept: bool,
}

/// The files that a system's ssh needs to log in.
#[derive(Debug, Clone)]
pub struct LoginFiles {
    /// The private key.
    pub private_key: PathBuf,
    /// The host's key, under the instance's id as its name.
    pub known_hosts: PathBuf,
}

impl LeaseRecords {
    fn directory_of(&self, instance: &KeptInstance) -> PathBuf {
        let name = instance.run.lease(instance.sample);
        self.0.join(format!("{name}.instance"))
    }

    /// The files with which a person logs in.
    pub fn login_files(&self, instance: &KeptInstance) -> LoginFiles {
        let directory = self.directory_of(instance);
        LoginFiles {
            private_key: directory.join(PRIVATE_KEY),
            known_hosts: directory.join(KNOWN_HOSTS),
        }
    }

    /// Writes the way back to an instance down. The run is under way for as long as the file is open that is returned.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn save_instance(
        &self,
        instance: KeptInstance,
        private_key: Option<SecretString>,
    ) -> io::Result<File> {
        let directory = self.directory_of(&instance);
        off_the_runtime(move || {
            DirBuilder::new()
                .recursive(true)
                .mode(PRIVATE_DIRECTORY)
                .create(&directory)?;
            if let (Access::Ssh(Login { host_key, .. }), Some(key)) =
                (&instance.access, private_key)
            {
                private_file(&directory.join(PRIVATE_KEY))?
                    .write_all(key.expose_secret().as_bytes())?;
                let line = format!("{} {host_key}\n", instance.id);
                private_file(&directory.join(KNOWN_HOSTS))?.write_all(line.as_bytes())?;
            }
            let lock = private_file(&directory.join(LOCK))?;
            // A file system without locks is as good as one where nobody else looks.
            let _ = lock.try_lock();
            write_record(&directory, &instance)?;
            Ok(lock)
        })
        .await
    }

    /// Whether the run of the instance still goes on.
    pub fn is_under_way(&self, instance: &KeptInstance) -> bool {
        let lock = File::open(self.directory_of(instance).join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Notes that an instance of the lease outlives its run, and until when.
    ///
    /// # Errors
    /// When the way back to it is not on record, or cannot be written.
    pub async fn note_kept(&self, id: &InstanceId, until: Timestamp) -> io::Result<()> {
        let (records, id) = (self.clone(), id.clone());
        off_the_runtime(move || {
            let all = records.instances();
            let mut instance = all
                .into_iter()
                .find(|instance| instance.id == id)
                .ok_or_else(|| io::Error::other("the way back to it is not on record"))?;
            instance.expires_at = until;
            instance.kept = true;
            write_record(&records.directory_of(&instance), &instance)
        })
        .await
    }

    /// Every instance with a way back, in the order of their samples.
    pub fn instances(&self) -> Vec<KeptInstance> {
        let Ok(entries) = fs::read_dir(&self.0) else {
            return Vec::new();
        };
        let read = |path: PathBuf| serde_json::from_slice(&fs::read(path).ok()?).ok();
        let mut instances: Vec<KeptInstance> = entries
            .filter_map(|entry| read(entry.ok()?.path().join(RECORD)))
            .collect();
        instances.sort_by(|a, b| (&a.run, a.sample).cmp(&(&b.run, b.sample)));
        instances
    }

    /// The instances that were kept on purpose and whose time is not over.
    pub fn kept_instances(&self, now: Timestamp) -> Vec<KeptInstance> {
        let mut instances = self.instances();
        instances.retain(|instance| instance.kept && now < instance.expires_at);
        instances
    }

    /// Removes the way back to an instance that is gone, with its key.
    pub async fn forget_instance(&self, id: &InstanceId) {
        let (records, id) = (self.clone(), id.clone());
        let forgetting = off_the_runtime(move || {
            records.forget_instances(|instance| instance.id == id);
            Ok(())
        });
        let _ = forgetting.await;
    }

    /// Removes the ways to instances that have ended themselves by now.
    pub fn forget_expired_instances(&self, now: Timestamp) {
        self.forget_instances(|instance| instance.expires_at <= now);
    }

    pub(super) fn forget_instances(&self, gone: impl Fn(&KeptInstance) -> bool) {
        for instance in self.instances().iter().filter(|instance| gone(instance)) {
            // A key that stays opens nothing any more.
            let _ = fs::remove_dir_all(self.directory_of(instance));
        }
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE)
        .open(path)
}

/// Writes the record; it appears whole or not at all.
fn write_record(directory: &Path, instance: &KeptInstance) -> io::Result<()> {
    let temporary = directory.join(format!("{RECORD}.partial"));
    let mut file = private_file(&temporary)?;
    file.write_all(&serde_json::to_vec(instance)?)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(RECORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Collected;

    use std::os::unix::fs::PermissionsExt as _;

    fn report() -> SampleReport {
        serde_json::from_value(serde_json::json!({
            "format": SampleReport::FORMAT,
            "collector": "0",
            "run": "run",
            "sample": 1,
            "lease": "run-1",
            "provider": "ec2",
            "region": "eu-central-1",
            "revision": "v1",
            "started": "2026-11-22T18:00:00Z",
            "finished": "2026-11-22T18:00:00Z",
            "outcome": "unavailable",
            "errors": [],
            "warnings": [],
            "expires_at": "2026-11-23T00:00:00Z",
            "released": {"state": "nothing_launched"},
            "stages": [],
            "collected": Collected::default(),
        }))
        .unwrap()
    }

    fn instance(sample: u32) -> KeptInstance {
        let run = RunId::new("run");
        KeptInstance {
            id: InstanceId::new(format!("i-{sample}")),
            region: "eu-central-1".into(),
            lease: run.lease(1),
            run,
            sample,
            access: Access::Ssh(Login {
                address: "192.0.2.1".into(),
                port: 22,
                user: "ubuntu".into(),
                host_key: "ssh-ed25519 AAAA".into(),
            }),
            jobs_dir: "/var/lib/collector".into(),
            revision: "v1".parse().unwrap(),
            performance_results: vec!["/tmp/*.csv".into()],
            partial_results: "/out/v1/.run-1.partial".into(),
            results: "/out/v1/i-1".into(),
            archive: true,
            report: report(),
            expires_at: Timestamp::MAX,
            kept: false,
        }
    }

    #[tokio::test]
    async fn a_key_is_its_owners_alone_and_goes_with_the_instance() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path());
        for sample in [1, 2] {
            let key = Some("PRIVATE".into());
            records.save_instance(instance(sample), key).await.unwrap();
        }
        let LoginFiles {
            private_key,
            known_hosts,
        } = records.login_files(&instance(1));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(fs::read_to_string(&private_key).unwrap(), "PRIVATE");
        assert_eq!(mode(&private_key), 0o600);
        assert_eq!(mode(private_key.parent().unwrap()), 0o700);
        let hosts = fs::read_to_string(known_hosts).unwrap();
        assert_eq!(hosts, "i-1 ssh-ed25519 AAAA\n");
        let shown = fs::read_to_string(private_key.with_file_name(RECORD)).unwrap();
        assert!(!shown.contains("PRIVATE"));
        records.forget_instance(&InstanceId::new("i-1")).await;
        assert!(!private_key.exists());
        assert_eq!(records.instances(), [instance(2)]);
        records.forget(&RunId::new("run").lease(1)).await;
        assert_eq!(records.instances(), []);
    }

    #[tokio::test]
    async fn an_instance_is_kept_until_its_time_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let records = LeaseRecords::in_directory(directory.path());
        let (now, id) = (Timestamp::now(), InstanceId::new("i-1"));
        let until = now + jiff::SignedDuration::from_mins(30);
        assert!(records.note_kept(&id, until).await.is_err());
        records.save_instance(instance(1), None).await.unwrap();
        assert_eq!(records.kept_instances(now), []);
        records.note_kept(&id, until).await.unwrap();
        assert_eq!(records.kept_instances(now)[0].expires_at, until);
        assert_eq!(records.kept_instances(until), []);
        records.forget_expired_instances(until);
        assert_eq!(records.instances(), []);
    }
}
