//! Shards of a thousand and of ten thousand samples against EC2's request and resource buckets, in paused time: the policy of
//! leases is the real one, the provider a book with buckets in front of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use collector::instance::{
    Found, Instance, InstanceId, InstanceState, LaunchRequest, LeaseToken, Owner, RunId,
};
use collector::lease::{LeaseRecords, Lessor, Readiness, sweep};
use collector::provider::{
    Images, InstanceAccess, Provider, ProviderError, RefusalKind, Resolved, Sweep,
};
use collector::remote_host::RemoteHost;
use collector::report::Release;
use collector::shard::{RunName, Shard, Share};
use collector::shell::ShellError;
use collector::shell::process::ProcessShell;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::command::say;
use crate::doubles::instance;

const LIFETIME: Duration = Duration::from_hours(8);
const WORK: Duration = Duration::from_mins(10);

/// A token bucket.
struct Bucket {
    level: f64,
    capacity: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            level: capacity,
            capacity,
            per_second,
            at: Instant::now(),
        }
    }

    fn take(&mut self, tokens: f64) -> bool {
        let refill = self.at.elapsed().as_secs_f64() * self.per_second;
        self.at = Instant::now();
        self.level = (self.level + refill).min(self.capacity);
        let enough = self.level >= tokens;
        if enough {
            self.level -= tokens;
        }
        enough
    }
}

struct Limits {
    launches: Bucket,
    launched: Bucket,
    terminations: Bucket,
    terminated: Bucket,
    descriptions: Bucket,
}

/// An account: who lives, and every call with the second that it came in.
struct Account {
    limits: RefCell<Limits>,
    living: RefCell<BTreeMap<InstanceId, (LeaseToken, RunId)>>,
    launched: RefCell<u32>,
    calls: RefCell<BTreeMap<(&'static str, u64), u32>>,
    throttled: RefCell<u32>,
    since: Instant,
}

impl Account {
    /// The resource buckets and that of descriptions are EC2's documented ones; those of calls that change something are
    /// narrower than any that it documents.
    fn new() -> Self {
        Self {
            limits: RefCell::new(Limits {
                launches: Bucket::new(5.0, 2.0),
                launched: Bucket::new(1000.0, 2.0),
                terminations: Bucket::new(100.0, 5.0),
                terminated: Bucket::new(1000.0, 20.0),
                descriptions: Bucket::new(100.0, 20.0),
            }),
            living: RefCell::default(),
            launched: RefCell::default(),
            calls: RefCell::default(),
            throttled: RefCell::default(),
            since: Instant::now(),
        }
    }

    fn admit(
        &self,
        action: &'static str,
        take: impl Fn(&mut Limits) -> bool,
    ) -> Result<(), ProviderError> {
        let second = self.since.elapsed().as_secs();
        *self.calls.borrow_mut().entry((action, second)).or_default() += 1;
        if take(&mut self.limits.borrow_mut()) {
            return Ok(());
        }
        *self.throttled.borrow_mut() += 1;
        Err(ProviderError::Refused {
            action,
            code: "RequestLimitExceeded".into(),
            message: "Request limit exceeded.".into(),
            kind: RefusalKind::Transient,
            hint: None,
        })
    }

    fn calls(&self, action: &str) -> u32 {
        let calls = self.calls.borrow();
        let of_action = calls.iter().filter(|((name, _), _)| *name == action);
        of_action.map(|(_, count)| count).sum()
    }

    /// The most launches asked for within a second, the first minute excepted: all shards may begin at once.
    fn busiest(&self) -> u32 {
        let calls = self.calls.borrow();
        let later = calls
            .iter()
            .filter(|((action, second), _)| *action == "launch" && *second > 60);
        later.map(|(_, count)| *count).max().unwrap_or(0)
    }

    fn describe(&self) -> Result<(), ProviderError> {
        self.admit("describe", |limits| limits.descriptions.take(1.0))
    }
}

impl Sweep for &Account {
    fn name(&self) -> &'static str {
        "account"
    }

    fn region(&self) -> &'static str {
        "nowhere"
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        let count = u32::try_from(ids.len()).unwrap();
        self.admit("terminate", |limits| {
            limits.terminations.take(1.0) && limits.terminated.take(count.into())
        })?;
        let mut living = self.living.borrow_mut();
        for id in ids {
            living.remove(id);
        }
        Ok(ids.to_vec())
    }

    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        self.describe()?;
        let running = |id: &InstanceId| (id.clone(), InstanceState::Running(instance(id)));
        Ok(ids.iter().map(running).collect())
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        self.describe()?;
        let living = self.living.borrow();
        let wanted = living.iter().filter(|(_, (lease, run))| match owner {
            Owner::Lease(owner) => lease == owner,
            Owner::Run(owner) => run == owner,
            Owner::Anyone => true,
        });
        let found = wanted.map(|(id, (lease, run))| Found {
            id: id.clone(),
            region: "nowhere".into(),
            lease: Some(lease.clone()),
            run: Some(run.clone()),
            revision: None,
            expires_at: None,
            state: "running".into(),
            instance_type: None,
            address: None,
            launched_at: None,
        });
        Ok(found.collect())
    }
}

impl Images for &Account {}

impl Provider for &Account {
    type Candidate = ();
    type Shell = ProcessShell;
    type Store = std::convert::Infallible;

    async fn resolve(&self) -> Result<Resolved<()>, ProviderError> {
        unreachable!("the candidates are given")
    }

    async fn launch(
        &self,
        (): &(),
        request: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        let count = request.count.get();
        self.admit("launch", |limits| {
            limits.launches.take(1.0) && limits.launched.take(count.into())
        })?;
        *self.launched.borrow_mut() += count;
        let ids = (0..count).map(|number| InstanceId::new(format!("i-{}-{number}", request.lease)));
        let ids: Vec<_> = ids.collect();
        let mut living = self.living.borrow_mut();
        for id in &ids {
            living.insert(id.clone(), (request.lease.clone(), request.run.clone()));
        }
        Ok(ids)
    }

    fn access(&self, _: &Instance) -> Option<InstanceAccess> {
        None
    }

    async fn keep(&self, _: &InstanceId, _: Timestamp) -> Result<(), ShellError> {
        unreachable!("none is kept")
    }

    async fn power_off(&self, _: &InstanceId) -> bool {
        false
    }

    async fn connect(
        &self,
        _: &Instance,
        _: &LeaseToken,
    ) -> Result<RemoteHost<ProcessShell>, ShellError> {
        unreachable!("nothing is carried out")
    }
}

/// A shard from its launch to its last termination; returns how many samples it measured.
async fn measure(account: &Account, records: &LeaseRecords, run: RunId, share: Share) -> u32 {
    let never = CancellationToken::new();
    let lessor = Lessor::new(&account, records, &never, &never);
    let request = LaunchRequest {
        lease: run.lease(share.first()),
        run,
        revision: "v1".parse().unwrap(),
        max_lifetime: LIFETIME,
        expires_at: Timestamp::now(),
        count: NonZeroU32::new(share.count()).unwrap(),
        image: None,
    };
    let provider = &account;
    let readiness = Readiness::new(provider);
    let leased = lessor
        .with_instances(vec![()], &request, |id| {
            let readiness = &readiness;
            async move {
                readiness.wait(&id).await.unwrap();
                sleep(WORK).await;
                None
            }
        })
        .await;
    assert!(leased.error.is_none(), "{:?}", leased.error);
    for rental in &leased.rentals {
        assert_eq!(rental.release, Release::Terminated);
    }
    u32::try_from(leased.rentals.len()).unwrap()
}

/// A run of so many samples in so many shards, of which every n-th is killed while it measures, and swept by its post step.
fn simulate(samples: u32, shards: u32, killed: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let account = Account::new();
        let directory = tempfile::tempdir().unwrap();
        let name: RunName = "large".parse().unwrap();
        let all = (1..=shards).map(|number| {
            let shard = Shard::new(number, shards).unwrap();
            let part = Share::new(shard, NonZeroU32::new(samples).unwrap()).unwrap();
            let run = name.id(shard, &[]);
            let records = LeaseRecords::in_directory(directory.path().join(number.to_string()));
            let account = &account;
            async move {
                let work = measure(account, &records, run.clone(), part);
                if number % killed != 0 {
                    return work.await;
                }
                // From here on nobody of the shard is left but its job's post step.
                let life = Duration::from_mins(5);
                assert!(timeout(life, work).await.is_err());
                let deadline = Instant::now() + Duration::from_mins(2);
                let owner = Owner::Run(run);
                let swept = sweep(&account, &owner, &[], Instant::now(), deadline).await;
                for (_, release) in swept.unwrap() {
                    assert_eq!(release, Release::Terminated);
                }
                0
            }
        });
        let measured: u32 = join_all(all).await.into_iter().sum();
        let [launches, terminations, descriptions] =
            ["launch", "terminate", "describe"].map(|action| account.calls(action));
        say(&format!(
            "{samples} samples in {shards} shards: {measured} measured after {} min, {launches} launches, \
             {terminations} terminations and {descriptions} descriptions asked for, {} of them throttled, {} launches a second at most",
            account.since.elapsed().as_secs() / 60,
            account.throttled.borrow(),
            account.busiest(),
        ));
        assert_eq!(account.living.borrow().len(), 0, "nothing is leaked");
        assert!(*account.throttled.borrow() > 0, "the buckets are felt");
        let of_killed = (1..=shards).filter(|number| number % killed == 0);
        let of_killed: u32 = of_killed
            .map(|number| {
                let shard = Shard::new(number, shards).unwrap();
                Share::new(shard, NonZeroU32::new(samples).unwrap()).unwrap().count()
            })
            .sum();
        assert_eq!(measured, samples - of_killed, "all others survive");
        assert!(account.busiest() <= shards / 2, "they come back together");
    });
}

#[test]
fn a_thousand_samples_in_sixteen_shards_survive_the_buckets() {
    simulate(1000, 16, 5);
}

#[test]
fn ten_thousand_samples_survive_the_buckets() {
    simulate(10_000, 157, 10);
}
