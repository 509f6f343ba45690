//! A provider that keeps books: its instances are directories, and what it does wrong is up to the test.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use collector::instance::{Found, Instance, InstanceId, LaunchRequest, LeaseToken, Owner, RunId};
use collector::job;
use collector::lease::LeaseRecords;
use collector::provider::{Provider, ProviderError, Reclaim};
use collector::shell::process::ProcessShell;

use super::{Moment, World};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Launch {
    #[default]
    Works,
    Refused,
    /// The instance exists, but nobody hears of it.
    AnswerLost,
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
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Terminate {
    #[default]
    Works,
    /// So many times, then it works.
    Fails(u32),
    Never,
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

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) launch: Launch,
    pub(crate) ready: Ready,
    pub(crate) terminate: Terminate,
    pub(crate) find: Find,
}

#[derive(Debug, Clone)]
struct Rental {
    id: InstanceId,
    lease: LeaseToken,
    run: RunId,
    living: bool,
}

#[derive(Debug, Default)]
struct Book {
    rentals: Vec<Rental>,
    recorded: Option<bool>,
    refused: u32,
    asked: u32,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    world: Rc<World>,
    faults: Faults,
    directory: PathBuf,
    records: LeaseRecords,
    book: RefCell<Book>,
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
    }
}

impl Ledger {
    pub(crate) fn new(
        world: Rc<World>,
        faults: Faults,
        directory: PathBuf,
        records: LeaseRecords,
    ) -> Self {
        Self {
            world,
            faults,
            directory,
            records,
            book: RefCell::default(),
        }
    }

    /// The login user's home on the instance.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// Where jobs leave their files on the instance.
    pub(crate) fn jobs(&self) -> PathBuf {
        self.directory.join("jobs")
    }

    pub(crate) fn launched(&self) -> usize {
        self.book.borrow().rentals.len()
    }

    pub(crate) fn terminated(&self) -> usize {
        let book = self.book.borrow();
        book.rentals.iter().filter(|rental| !rental.living).count()
    }

    /// Whether the lease was on disk when the launch was asked for; `None` when it never was.
    pub(crate) fn recorded_before_launch(&self) -> Option<bool> {
        self.book.borrow().recorded
    }

    fn rent(&self, request: &LaunchRequest) -> InstanceId {
        fs::create_dir_all(self.home()).unwrap();
        let id = InstanceId::new(format!("i-{}", request.lease));
        self.book.borrow_mut().rentals.push(Rental {
            id: id.clone(),
            lease: request.lease.clone(),
            run: request.run.clone(),
            living: true,
        });
        id
    }
}

impl Reclaim for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn region(&self) -> &'static str {
        "nowhere"
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), ProviderError> {
        self.world.at(Moment::Terminating);
        let refusals = self.book.borrow().refused;
        match self.faults.terminate {
            Terminate::Works => {}
            Terminate::Fails(times) if refusals >= times => {}
            Terminate::Fails(_) | Terminate::Never => {
                self.book.borrow_mut().refused += 1;
                return Err(refused("terminate"));
            }
            Terminate::Hangs => std::future::pending().await,
        }
        self.world.thaw();
        let rental = self
            .book
            .borrow()
            .rentals
            .iter()
            .find(|rental| rental.id == *id)
            .cloned()
            .expect("only what was launched is terminated");
        // A machine that is switched off runs nothing any more.
        if self.jobs().exists() {
            let shell = ProcessShell::in_directory("/");
            let jobs = self.jobs();
            let grace = Duration::from_millis(100);
            job::kill_all(&shell, &rental.lease, &jobs.to_string_lossy(), grace)
                .await
                .unwrap();
        }
        for rental in &mut self.book.borrow_mut().rentals {
            rental.living &= rental.id != *id;
        }
        Ok(())
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
            })
            .collect())
    }
}

impl Provider for Ledger {
    async fn launch(&self, request: &LaunchRequest) -> Result<InstanceId, ProviderError> {
        let recorded = self
            .records
            .all()
            .iter()
            .any(|record| record.lease == request.lease);
        self.book.borrow_mut().recorded = Some(recorded);
        match self.faults.launch {
            Launch::Refused => return Err(refused("launch")),
            Launch::RequestLost => {
                self.world.at(Moment::Launching);
                return Err(unanswered("launch"));
            }
            Launch::HangsBefore => {
                self.world.at(Moment::Launching);
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        let id = self.rent(request);
        self.world.at(Moment::Launching);
        match self.faults.launch {
            Launch::AnswerLost => Err(unanswered("launch")),
            Launch::Hangs => std::future::pending().await,
            _ => Ok(id),
        }
    }

    async fn ready(&self, id: &InstanceId) -> Result<Instance, ProviderError> {
        self.world.at(Moment::BecomingReady);
        match self.faults.ready {
            Ready::Works => Ok(Instance {
                id: id.clone(),
                address: "192.0.2.1".into(),
                region: "nowhere".into(),
                instance_type: None,
                image: None,
                zone: None,
            }),
            Ready::Fails => Err(ProviderError::Ended {
                id: id.clone(),
                state: "terminated".into(),
                reason: "the test says so".into(),
            }),
            Ready::Hangs => std::future::pending().await,
        }
    }
}
