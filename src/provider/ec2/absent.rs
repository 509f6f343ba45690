//! The place of EC2 in a build without the feature `ec2`: an account that cannot be opened.

use std::convert::Infallible;
use std::time::Duration;

use crate::config::{Ec2Spec, S3Destination};
use crate::instance::{
    BakedImage, Found, Instance, InstanceId, InstanceState, LaunchRequest, LeaseToken, Owner,
};
use crate::object_store::StoreError;
use crate::provider::identity::Role;
use crate::provider::{Images, Provider, ProviderError, Resolved, Sweep};
use crate::remote_host::RemoteHost;
use crate::shell::ShellError;
use crate::shell::ssh::{KeyError, Keys, SshShell};

/// An account, of which there is none.
#[derive(Debug)]
pub enum Account {}

/// Instances, of which there are none.
pub type Ec2 = Account;

#[expect(clippy::unused_async, reason = "a real account has to be waited for")]
impl Account {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub async fn open(_: Option<&str>, _: Option<Role>) -> Result<Self, ProviderError> {
        Err(ProviderError::NotBuilt)
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never.
    pub fn new(self, _: Ec2Spec, _: Keys, _: Duration) -> Result<Self, KeyError> {
        match self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never.
    pub fn with_bucket(self, _: S3Destination) -> Result<Self, StoreError> {
        match self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// Never.
    pub async fn images(&self) -> Result<Vec<BakedImage>, ProviderError> {
        match *self {}
    }

    /// Cannot be called.
    pub async fn identify(&self) {
        match *self {}
    }

    /// Cannot be called.
    pub async fn renew_credentials(&self) -> Infallible {
        match *self {}
    }
}

impl Sweep for Account {
    fn name(&self) -> &'static str {
        match *self {}
    }

    fn region(&self) -> &str {
        match *self {}
    }

    async fn terminate(&self, _: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        match *self {}
    }

    async fn find(&self, _: &Owner) -> Result<Vec<Found>, ProviderError> {
        match *self {}
    }

    async fn states(
        &self,
        _: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        match *self {}
    }
}

impl Images for Account {}

impl Provider for Account {
    type Candidate = Infallible;
    type Shell = SshShell;
    type Store = Infallible;

    async fn resolve(&self) -> Result<Resolved<Infallible>, ProviderError> {
        match *self {}
    }

    async fn launch(
        &self,
        _: &Infallible,
        _: &LaunchRequest,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        match *self {}
    }

    async fn connect(
        &self,
        _: &Instance,
        _: &LeaseToken,
    ) -> Result<RemoteHost<SshShell>, ShellError> {
        match *self {}
    }
}
