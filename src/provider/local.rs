//! This machine as a provider: an instance is a directory with a home of its own, and the processes that carry
//! its lease.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Access, Images, InstanceAccess, Provider, ProviderError, Resolved, Sweep};
use crate::instance::{
    Found, Instance, InstanceId, InstanceState, LaunchRequest, LeaseToken, Owner, RunId,
};
use crate::job;
use crate::remote_host::RemoteHost;
use crate::shell::process::ProcessShell;
use crate::shell::{ShellError, run_script};

use crate::instance::LOCAL_REGION as REGION;

/// The time that processes of an instance have between TERM and KILL.
const TERM_GRACE: Duration = Duration::from_millis(500);

/// The address of every instance.
const ADDRESS: &str = "127.0.0.1";

/// The record of an instance, in its directory.
const FACTS_FILE: &str = "instance.json";
/// The deadline for each file of an instance that is removed.
const REMOVE_DEADLINE: Duration = Duration::from_mins(1);

/// The deadline for starting the timer.
const TIMER_DEADLINE: Duration = Duration::from_secs(30);

/// Rents out this machine.
#[derive(Debug, Clone)]
pub struct Local {
    directory: PathBuf,
}

/// The facts that an instance knows about itself.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    lease: LeaseToken,
    run: RunId,
    revision: String,
    expires_at: Timestamp,
}

fn failed<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ProviderError + 'a {
    move |source| ProviderError::Io {
        action,
        path: path.display().to_string(),
        source,
    }
}

impl Local {
    /// Keeps its instances in this directory.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The home directory of an instance.
    pub fn home(&self, id: &InstanceId) -> PathBuf {
        self.instance_dir(id).join("home")
    }

    /// The directory of an instance's jobs.
    pub fn jobs(&self, id: &InstanceId) -> PathBuf {
        self.instance_dir(id).join("jobs")
    }

    fn instance_dir(&self, id: &InstanceId) -> PathBuf {
        self.directory.join(id.as_str())
    }

    /// When an instance was launched: its record is written once.
    fn launched_at(&self, id: &InstanceId) -> Option<Timestamp> {
        let facts = fs::metadata(self.instance_dir(id).join(FACTS_FILE)).ok()?;
        facts.modified().ok()?.try_into().ok()
    }

    fn facts(&self, id: &InstanceId) -> Option<Facts> {
        let text = fs::read(self.instance_dir(id).join(FACTS_FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl Local {
    fn write_facts(&self, id: &InstanceId, facts: &Facts) -> io::Result<()> {
        let text = serde_json::to_vec(facts)?;
        fs::write(self.instance_dir(id).join(FACTS_FILE), text)
    }

    /// Has the instance end itself after a time.
    async fn arm_timer(
        &self,
        id: &InstanceId,
        lease: &LeaseToken,
        time: Duration,
    ) -> Result<(), ShellError> {
        let directory = self.instance_dir(id);
        let timer = job::expire(
            lease,
            &self.jobs(id).to_string_lossy(),
            &directory.to_string_lossy(),
            time,
        );
        let shell = ProcessShell::in_directory(&directory);
        run_script(&shell, "arming the timer", &timer, &[], TIMER_DEADLINE).await?;
        Ok(())
    }

    async fn terminate_one(&self, id: &InstanceId) -> Result<(), ProviderError> {
        let directory = self.instance_dir(id);
        let shell = ProcessShell::in_directory("/");
        if let Some(facts) = self.facts(id) {
            let jobs = self.jobs(id);
            let survivors =
                job::kill_all(&shell, &facts.lease, &jobs.to_string_lossy(), TERM_GRACE)
                    .await
                    .map_err(|error| {
                        failed("ending the processes of", &directory)(io::Error::other(error))
                    })?;
            if survivors > 0 {
                let error = io::Error::other(format!("{survivors} processes are still running"));
                return Err(failed("ending the processes of", &directory)(error));
            }
        }
        let remove = job::remove(&directory.to_string_lossy());
        run_script(&shell, "removing it", &remove, &[], REMOVE_DEADLINE)
            .await
            .map_err(|error| failed("removing", &directory)(io::Error::other(error)))?;
        Ok(())
    }
}

impl Sweep for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn region(&self) -> &'static str {
        REGION
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        for id in ids {
            self.terminate_one(id).await?;
        }
        Ok(ids.to_vec())
    }

    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        let state = |id: &InstanceId| match self.facts(id) {
            Some(_) => InstanceState::Running(Instance {
                id: id.clone(),
                address: ADDRESS.into(),
                region: REGION.into(),
                instance_type: None,
                image: None,
                zone: None,
                tenancy: None,
                price_per_hour: None,
            }),
            None => InstanceState::Gone {
                state: "terminated".into(),
                reason: "its directory is gone".into(),
            },
        };
        Ok(ids.iter().map(|id| (id.clone(), state(id))).collect())
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("reading", &self.directory)(error)),
        };
        let mut found: Vec<Found> = entries
            .filter_map(|entry| {
                let id = InstanceId::new(entry.ok()?.file_name().to_string_lossy());
                let facts = self.facts(&id)?;
                let wanted = match owner {
                    Owner::Lease(lease) => facts.lease == *lease,
                    Owner::Run(run) => facts.run == *run,
                    Owner::Anyone => true,
                };
                wanted.then(|| Found {
                    region: REGION.into(),
                    lease: Some(facts.lease),
                    run: Some(facts.run),
                    revision: Some(facts.revision),
                    expires_at: Some(facts.expires_at),
                    state: "running".into(),
                    instance_type: None,
                    address: Some(ADDRESS.into()),
                    launched_at: self.launched_at(&id),
                    id,
                })
            })
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }
}

impl Images for Local {}

impl Provider for Local {
    type Candidate = ();
    type Shell = ProcessShell;
    type Store = std::convert::Infallible;

    async fn resolve(&self) -> Result<Resolved<()>, ProviderError> {
        Ok(Resolved {
            candidates: vec![()],
            warnings: Vec::new(),
        })
    }

    /// Makes one instance, whatever the count: what is measured side by side on one machine disturbs each other.
    async fn launch(
        &self,
        (): &(),
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        let digest = Sha256::digest(request.lease.as_str());
        let name: String = hex::encode(digest).chars().take(8).collect();
        let id = InstanceId::new(format!("local-{name}"));
        let directory = self.instance_dir(&id);
        for directory in [self.home(&id), self.jobs(&id)] {
            fs::create_dir_all(&directory).map_err(failed("creating", &directory))?;
        }
        let facts = Facts {
            lease: request.lease.clone(),
            run: request.run.clone(),
            revision: request.revision.to_string(),
            expires_at: request.expires_at,
        };
        let path = directory.join(FACTS_FILE);
        self.write_facts(&id, &facts)
            .map_err(failed("writing", &path))?;
        self.arm_timer(&id, &request.lease, request.max_lifetime)
            .await
            .map_err(|error| failed("arming the timer in", &directory)(io::Error::other(error)))?;
        Ok(vec![id])
    }

    fn access(&self, instance: &Instance) -> Option<InstanceAccess> {
        Some(InstanceAccess {
            access: Access::Home {
                path: self.home(&instance.id),
            },
            private_key: None,
            jobs_dir: self.jobs(&instance.id).to_string_lossy().into_owned(),
        })
    }

    async fn keep(&self, id: &InstanceId, until: Timestamp) -> Result<(), ShellError> {
        let unnoted = |source| ShellError::LocalIo {
            what: "setting the timer of a rehearsal",
            source,
        };
        let gone = || unnoted(io::ErrorKind::NotFound.into());
        let facts = self.facts(id).ok_or_else(gone)?;
        let time = until.duration_since(Timestamp::now()).unsigned_abs();
        // The first timer, which comes later, finds nothing left.
        self.arm_timer(id, &facts.lease, time).await?;
        let facts = Facts {
            expires_at: until,
            ..facts
        };
        self.write_facts(id, &facts).map_err(unnoted)
    }

    async fn connect(
        &self,
        instance: &Instance,
        _: &LeaseToken,
    ) -> Result<RemoteHost<ProcessShell>, ShellError> {
        Ok(RemoteHost {
            shell: ProcessShell::at_home(self.home(&instance.id)),
            jobs_dir: self.jobs(&instance.id).to_string_lossy().into_owned(),
            just_booted: false,
            port_open: None,
        })
    }
}
