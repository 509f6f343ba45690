//! A provider that keeps books: its instances are directories, and what it does wrong is up to the test.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use collector::instance::{
    BakedImage, Found, FoundResource, ImageId, ImageName, ImageState, Instance, InstanceId,
    InstanceState, LaunchRequest, LeaseToken, Owner, Resource, RunId,
};
use collector::job;
use collector::lease::LeaseRecords;
use collector::provider::{
    Access, Images, InstanceAccess, Provider, ProviderError, RefusalKind, Resolved, Sweep,
};
use collector::remote_host::RemoteHost;
use collector::shell::ShellError;
use collector::shell::process::ProcessShell;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::{Bucket, FlakyShell, Outage, Simulation, Storing, Trigger};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Launch {
    #[default]
    Works,
    Refused,
    /// No such machine is free.
    NoCapacity,
    /// The instance exists, but nobody hears of it.
    AnswerLost,
    /// The instance exists, and all that is heard of it is the refusal of the second attempt.
    AnswerLostThenRefused,
    /// The look-ups before it never return.
    LookUpHangs,
    /// Nobody hears of it, and there is no instance.
    RequestLost,
    /// The instance exists, and the call never returns.
    Hangs,
    /// The call never returns, and there is no instance yet.
    HangsBefore,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Ready {
    #[default]
    Works,
    Fails,
    Hangs,
    /// It runs at first; the next time that anybody asks it is gone.
    Vanishes,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Terminate {
    #[default]
    Works,
    /// So many times, then it works.
    Fails(u32),
    Never,
    /// It is refused for good, but the instance can be told to power itself off.
    RefusedForGood,
    Hangs,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Find {
    #[default]
    Works,
    /// What was launched is shown only to the n-th question: EC2's answers lag behind.
    Lags(u32),
    Fails,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Keep {
    #[default]
    Works,
    /// The instance cannot set its timer.
    Fails,
    Hangs,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Imaging {
    #[default]
    Works,
    Refused,
    /// The image exists, but nobody hears of it.
    AnswerLost,
    /// It is never available.
    Hangs,
    /// What came of it cannot be used.
    Fails,
    /// The same, and it cannot be deleted.
    FailsForGood,
    /// There is one of the name that is asked for, whatever that is.
    Exists,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) launch: Launch,
    pub(crate) ready: Ready,
    pub(crate) terminate: Terminate,
    pub(crate) find: Find,
    pub(crate) keep: Keep,
    pub(crate) imaging: Imaging,
    /// There is a bucket, and this is how it does.
    pub(crate) storing: Option<Storing>,
    /// The images of instances have no such program.
    pub(crate) missing: Option<&'static str>,
    /// The most instances that a launch gives.
    pub(crate) grants: Option<u32>,
    /// So many questions for the state of instances fail, then they are answered.
    pub(crate) troubles: u32,
}

#[derive(Debug, Clone)]
struct Rental {
    id: InstanceId,
    lease: LeaseToken,
    run: RunId,
    /// The jobs of a sample carry the number of the sample, whichever launch it came from.
    owner: LeaseToken,
    living: bool,
    /// When it ends itself.
    ends_at: Timestamp,
}

#[derive(Debug, Default)]
struct Book {
    rentals: Vec<Rental>,
    recorded: Option<bool>,
    refused: u32,
    asked: u32,
    terminate_calls: u32,
    launch_calls: u32,
    troubles: u32,
    states_asked: u32,
    images: Vec<(ImageId, LeaseToken, ImageState)>,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    simulation: Rc<Simulation>,
    faults: Faults,
    directory: PathBuf,
    records: LeaseRecords,
    book: RefCell<Book>,
    bucket: Option<Bucket>,
}

fn unanswered(action: &'static str) -> ProviderError {
    ProviderError::Unanswered {
        action,
        message: "the test says so".into(),
    }
}

fn refused(action: &'static str) -> ProviderError {
    ProviderError::Refused {
        action,
        code: "UnauthorizedOperation".into(),
        message: "the test says so".into(),
        kind: RefusalKind::Final,
        hint: None,
    }
}

/// The number of the sample that a lease is of, or of the first one.
fn number_of(lease: &LeaseToken) -> u32 {
    lease.as_str().rsplit_once('-').unwrap().1.parse().unwrap()
}

impl Ledger {
    pub(crate) fn new(
        simulation: Rc<Simulation>,
        faults: Faults,
        directory: PathBuf,
        records: LeaseRecords,
    ) -> Self {
        let bucket = faults.storing;
        let bucket = bucket.map(|storing| Bucket::new(storing, simulation.clone()));
        Self {
            simulation,
            faults,
            directory,
            records,
            book: RefCell::default(),
            bucket,
        }
    }

    /// The login user's home on the first instance.
    pub(crate) fn home(&self) -> PathBuf {
        let first = self
            .book
            .borrow()
            .rentals
            .first()
            .map(|rental| rental.id.clone());
        first.map_or_else(|| self.directory.join("none"), |id| self.home_of(&id))
    }

    fn home_of(&self, id: &InstanceId) -> PathBuf {
        self.directory.join(id.as_str()).join("home")
    }

    fn sample_of(&self, id: &InstanceId) -> u32 {
        let book = self.book.borrow();
        let rental = book.rentals.iter().find(|rental| rental.id == *id);
        number_of(&rental.unwrap().owner)
    }

    /// The directory of the jobs on an instance.
    fn jobs(&self, id: &InstanceId) -> PathBuf {
        self.directory.join(id.as_str()).join("jobs")
    }

    /// A directory with every program of this machine but one.
    fn programs_without(&self, name: &str) -> PathBuf {
        let directory = self.directory.join("programs");
        if !directory.exists() {
            fs::create_dir_all(&directory).unwrap();
            for entry in fs::read_dir("/usr/bin").unwrap().flatten() {
                if entry.file_name() != name {
                    symlink(entry.path(), directory.join(entry.file_name())).unwrap();
                }
            }
        }
        directory
    }

    /// The number of calls that ended instances.
    pub(crate) fn terminate_calls(&self) -> u32 {
        self.book.borrow().terminate_calls
    }

    /// The number of launches that gave instances.
    pub(crate) fn launch_calls(&self) -> u32 {
        self.book.borrow().launch_calls
    }

    /// The objects of the bucket; no part of another one is in it.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.bucket.as_ref().map_or_else(BTreeMap::new, |bucket| {
            assert_eq!(
                bucket.loose_parts(),
                0,
                "nothing half is left in the bucket"
            );
            bucket.objects()
        })
    }

    /// The images that can be launched from, and the others.
    pub(crate) fn images(&self) -> [usize; 2] {
        let book = self.book.borrow();
        let finished = book.images.iter();
        let finished = finished.filter(|(.., state)| *state == ImageState::Available);
        let finished = finished.count();
        [finished, book.images.len() - finished]
    }

    pub(crate) fn launched(&self) -> usize {
        self.book.borrow().rentals.len()
    }

    pub(crate) fn terminated(&self) -> usize {
        let book = self.book.borrow();
        book.rentals.iter().filter(|rental| !rental.living).count()
    }

    /// The instances that live on, and when they end themselves.
    pub(crate) fn living(&self) -> Vec<(InstanceId, Timestamp)> {
        let book = self.book.borrow();
        let living = book.rentals.iter().filter(|rental| rental.living);
        living
            .map(|rental| (rental.id.clone(), rental.ends_at))
            .collect()
    }

    /// Whether the lease was on disk when the launch was asked for; `None` when it never was.
    pub(crate) fn recorded_before_launch(&self) -> Option<bool> {
        self.book.borrow().recorded
    }

    /// Instances are made once for a lease, however often it is asked for.
    fn rent(&self, request: &LaunchRequest) -> Vec<InstanceId> {
        let granted = self
            .faults
            .grants
            .unwrap_or(u32::MAX)
            .min(request.count.get());
        let ids: Vec<_> = (1..=granted)
            .map(|number| match number {
                1 => InstanceId::new(format!("i-{}", request.lease)),
                number => InstanceId::new(format!("i-{}-{number}", request.lease)),
            })
            .collect();
        let mut book = self.book.borrow_mut();
        book.launch_calls += 1;
        let first = number_of(&request.lease);
        for (number, id) in (0..).zip(&ids) {
            if book.rentals.iter().any(|rental| rental.id == *id) {
                continue;
            }
            fs::create_dir_all(self.home_of(id)).unwrap();
            book.rentals.push(Rental {
                id: id.clone(),
                lease: request.lease.clone(),
                run: request.run.clone(),
                owner: request.run.lease(first + number),
                living: true,
                ends_at: request.expires_at,
            });
        }
        ids
    }

    async fn switch_off(&self, id: &InstanceId) {
        let rental = self
            .book
            .borrow()
            .rentals
            .iter()
            .find(|rental| rental.id == *id)
            .cloned()
            .expect("only what was launched is terminated");
        // A machine that is switched off runs nothing any more.
        if self.jobs(id).exists() {
            let shell = ProcessShell::in_directory("/");
            let jobs = self.jobs(id);
            let grace = Duration::from_millis(100);
            let jobs = jobs.to_string_lossy();
            let killing = job::kill_all(&shell, &rental.owner, &jobs, grace);
            self.simulation.out_of_time(killing).await.unwrap();
        }
        for rental in &mut self.book.borrow_mut().rentals {
            rental.living &= rental.id != *id;
        }
    }
}

impl Sweep for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn region(&self) -> &'static str {
        "nowhere"
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        self.simulation.at(Trigger::Terminating);
        self.book.borrow_mut().terminate_calls += 1;
        let refusals = self.book.borrow().refused;
        match self.faults.terminate {
            Terminate::Works => {}
            Terminate::Fails(times) if refusals >= times => {}
            Terminate::Fails(_) | Terminate::Never | Terminate::RefusedForGood => {
                self.book.borrow_mut().refused += 1;
                return Err(refused("terminate"));
            }
            Terminate::Hangs => std::future::pending().await,
        }
        self.simulation.thaw();
        join_all(ids.iter().map(|id| self.switch_off(id))).await;
        Ok(ids.to_vec())
    }

    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        self.simulation.at(Trigger::BecomingReady);
        let asked = self.book.borrow().states_asked;
        self.book.borrow_mut().states_asked += 1;
        let living = |id: &InstanceId| {
            let book = self.book.borrow();
            book.rentals
                .iter()
                .any(|rental| rental.id == *id && rental.living)
        };
        let state = |id: &InstanceId| match self.faults.ready {
            _ if !living(id) => InstanceState::Gone {
                state: "terminated".into(),
                reason: "it powered itself off".into(),
            },
            Ready::Vanishes if asked > 0 => InstanceState::Gone {
                state: "terminated".into(),
                reason: "somebody else ended it".into(),
            },
            Ready::Works | Ready::Vanishes => InstanceState::Running(instance(id)),
            Ready::Fails => InstanceState::Gone {
                state: "terminated".into(),
                reason: "the test says so".into(),
            },
            Ready::Hangs => InstanceState::Pending,
        };
        if self.book.borrow().troubles < self.faults.troubles {
            self.book.borrow_mut().troubles += 1;
            return Err(ProviderError::Unreachable {
                action: "states",
                message: "the test says so".into(),
            });
        }
        Ok(ids.iter().map(|id| (id.clone(), state(id))).collect())
    }

    async fn find_resources(&self, owner: &Owner) -> Result<Vec<FoundResource>, ProviderError> {
        let book = self.book.borrow();
        let unfinished = book.images.iter().filter(|(_, lease, state)| {
            *owner == Owner::Lease(lease.clone()) && *state != ImageState::Available
        });
        let found = unfinished.map(|(id, lease, _)| FoundResource {
            resource: Resource::Image(id.to_string()),
            lease: Some(lease.clone()),
            expires_at: None,
        });
        Ok(found.collect())
    }

    async fn delete(&self, resource: &Resource) -> Result<bool, ProviderError> {
        if matches!(self.faults.imaging, Imaging::FailsForGood) {
            return Err(refused("delete"));
        }
        let gone = |id: &ImageId| Resource::Image(id.to_string()) == *resource;
        self.book.borrow_mut().images.retain(|(id, ..)| !gone(id));
        Ok(true)
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        let mut book = self.book.borrow_mut();
        book.asked += 1;
        match self.faults.find {
            Find::Fails => return Err(unanswered("find")),
            Find::Lags(times) if book.asked < times => return Ok(Vec::new()),
            _ => {}
        }
        let wanted = |rental: &&Rental| match owner {
            Owner::Lease(lease) => rental.lease == *lease,
            Owner::Run(run) => rental.run == *run,
            Owner::Anyone => true,
        };
        Ok(book
            .rentals
            .iter()
            .filter(|rental| rental.living)
            .filter(wanted)
            .map(|rental| Found {
                id: rental.id.clone(),
                region: "nowhere".into(),
                lease: Some(rental.lease.clone()),
                run: Some(rental.run.clone()),
                revision: None,
                expires_at: None,
                state: "running".into(),
                instance_type: None,
                address: None,
                launched_at: None,
            })
            .collect())
    }
}

impl Images for Ledger {
    async fn base_image(&self) -> Result<ImageId, ProviderError> {
        Ok(ImageId::new("base"))
    }

    async fn find_image(&self, _: &ImageName) -> Result<Option<BakedImage>, ProviderError> {
        self.simulation.at(Trigger::LookingForImage);
        let there = matches!(self.faults.imaging, Imaging::Exists);
        Ok(there.then(|| BakedImage {
            id: ImageId::new("baked"),
            lease: None,
            content: String::new(),
            size_gib: 8,
            created_at: None,
        }))
    }

    async fn create_image(
        &self,
        id: &InstanceId,
        name: &ImageName,
        _: &str,
        request: &LaunchRequest,
    ) -> Result<ImageId, ProviderError> {
        let refused = || refused("create an image");
        let state = match self.faults.imaging {
            Imaging::Refused => return Err(refused()),
            Imaging::Fails | Imaging::FailsForGood => ImageState::Failed("the test says so".into()),
            _ => ImageState::Pending,
        };
        let image = ImageId::new(format!("{name}-of-{id}"));
        let entry = (image.clone(), request.lease.clone(), state);
        self.book.borrow_mut().images.push(entry);
        self.simulation.at(Trigger::Imaging);
        match self.faults.imaging {
            Imaging::AnswerLost => Err(unanswered("create an image")),
            _ => Ok(image),
        }
    }

    async fn image_state(&self, id: &ImageId) -> Result<ImageState, ProviderError> {
        let mut book = self.book.borrow_mut();
        let mut images = book.images.iter_mut();
        let (.., state) = images.find(|(image, ..)| image == id).unwrap();
        let before = state.clone();
        // The first question comes too early.
        if matches!(self.faults.imaging, Imaging::Works) {
            *state = ImageState::Available;
        }
        Ok(before)
    }
}

impl Provider for Ledger {
    type Candidate = ();
    type Shell = FlakyShell;
    type Store = Bucket;

    async fn resolve(&self) -> Result<Resolved<()>, ProviderError> {
        self.simulation.at(Trigger::Resolving);
        if let Launch::LookUpHangs = self.faults.launch {
            std::future::pending::<()>().await;
        }
        Ok(Resolved {
            candidates: vec![()],
            warnings: Vec::new(),
        })
    }

    async fn launch(
        &self,
        (): &(),
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        let recorded = self
            .records
            .all()
            .iter()
            .any(|record| record.lease == request.lease);
        self.book.borrow_mut().recorded = Some(recorded);
        match self.faults.launch {
            Launch::Refused => return Err(refused("launch")),
            Launch::NoCapacity => {
                return Err(ProviderError::Refused {
                    action: "launch",
                    code: "InsufficientInstanceCapacity".into(),
                    message: "the test says so".into(),
                    kind: RefusalKind::Capacity,
                    hint: None,
                });
            }
            Launch::RequestLost => {
                self.simulation.at(Trigger::Launching);
                return Err(unanswered("launch"));
            }
            Launch::HangsBefore => {
                self.simulation.at(Trigger::Launching);
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        let ids = self.rent(request);
        self.simulation.at(Trigger::Launching);
        match self.faults.launch {
            Launch::AnswerLost => Err(unanswered("launch")),
            Launch::AnswerLostThenRefused if self.launch_calls() == 1 => Err(unanswered("launch")),
            Launch::AnswerLostThenRefused => Err(refused("launch")),
            Launch::Hangs => std::future::pending().await,
            _ => Ok(ids),
        }
    }

    fn store(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    fn access(&self, instance: &Instance) -> Option<InstanceAccess> {
        Some(InstanceAccess {
            access: Access::Home {
                path: self.home_of(&instance.id),
            },
            private_key: None,
            jobs_dir: self.jobs(&instance.id).to_string_lossy().into_owned(),
        })
    }

    async fn keep(&self, id: &InstanceId, until: Timestamp) -> Result<(), ShellError> {
        self.simulation.at(Trigger::Keeping);
        match self.faults.keep {
            Keep::Works => {}
            Keep::Fails => {
                return Err(ShellError::Command {
                    what: "setting its timer",
                    reason: "the test says so".into(),
                });
            }
            Keep::Hangs => std::future::pending().await,
        }
        let mut book = self.book.borrow_mut();
        for rental in book.rentals.iter_mut().filter(|rental| rental.id == *id) {
            rental.ends_at = until;
        }
        Ok(())
    }

    async fn power_off(&self, id: &InstanceId) -> bool {
        let told = matches!(self.faults.terminate, Terminate::RefusedForGood);
        if told {
            self.simulation.thaw();
            self.switch_off(id).await;
        }
        told
    }

    async fn connect(
        &self,
        instance: &Instance,
        _: &LeaseToken,
    ) -> Result<RemoteHost<FlakyShell>, ShellError> {
        let sample = self.sample_of(&instance.id);
        let shell = FlakyShell {
            shell: ProcessShell::at_home(self.home_of(&instance.id)),
            simulation: self.simulation.clone(),
            sample: Some(sample),
            programs: self.faults.missing.map(|name| self.programs_without(name)),
        };
        shell.trouble().map_or(Ok(()), Err)?;
        // Nothing is said to it before its files are sent.
        self.simulation.sample_at(Outage::Sending, sample);
        Ok(RemoteHost {
            shell,
            jobs_dir: self.jobs(&instance.id).to_string_lossy().into_owned(),
            just_booted: false,
            port_open: None,
        })
    }
}

/// An instance that tells nothing but its address.
pub(crate) fn instance(id: &InstanceId) -> Instance {
    Instance {
        id: id.clone(),
        address: "192.0.2.1".into(),
        region: "nowhere".into(),
        instance_type: None,
        image: None,
        zone: None,
        tenancy: None,
        price_per_hour: None,
    }
}
