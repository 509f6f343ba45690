//! Instances of a config found and terminated: what the account does, with the address that the config asks for.

use super::Ec2;
use super::image::Imaging;
use crate::instance::{Dollars, Found, FoundResource, InstanceId, InstanceState, Owner, Resource};
use crate::provider::{ProviderError, Sweep};

impl Sweep for Ec2 {
    fn name(&self) -> &'static str {
        self.account.name()
    }

    fn region(&self) -> &str {
        self.account.region()
    }

    fn account(&self) -> Option<&str> {
        self.account.account()
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<Vec<InstanceId>, ProviderError> {
        self.account.terminate(ids).await
    }

    async fn find(&self, owner: &Owner) -> Result<Vec<Found>, ProviderError> {
        self.account.find(owner).await
    }

    async fn states(
        &self,
        ids: &[InstanceId],
    ) -> Result<Vec<(InstanceId, InstanceState)>, ProviderError> {
        let described = self.account.describe(ids).await?;
        let state = |id: &InstanceId| {
            let instance = described
                .iter()
                .find(|instance| instance.instance_id() == Some(id.as_str()));
            // EC2 is eventually consistent: an instance that it does not know yet is on its way.
            let Some(instance) = instance else {
                return Ok(InstanceState::Pending);
            };
            let state = instance.state().and_then(|state| state.name());
            Ok(match state.map_or("", |name| name.as_str()) {
                "pending" | "" => InstanceState::Pending,
                "running" => InstanceState::Running(self.describe(id, instance)?),
                state => InstanceState::Gone {
                    state: state.into(),
                    reason: instance
                        .state_reason()
                        .and_then(|reason| reason.message())
                        .unwrap_or("no reason given")
                        .into(),
                },
            })
        };
        ids.iter().map(|id| Ok((id.clone(), state(id)?))).collect()
    }

    async fn price(&self, id: &InstanceId) -> Option<Dollars> {
        self.account.price(id).await
    }

    async fn find_resources(&self, owner: &Owner) -> Result<Vec<FoundResource>, ProviderError> {
        let mut found = self.account.find_groups(owner).await?;
        // Most runs make no image, and need not ask for any.
        if self.imaging.get() == Imaging::NotAsked {
            return Ok(found);
        }
        let images = Box::pin(self.account.unfinished_images(owner)).await?;
        if images.is_empty() && self.imaging.get() == Imaging::Unanswered {
            return Err(ProviderError::Unanswered {
                action: "CreateImage",
                message: "the image may be about to appear".into(),
            });
        }
        found.extend(images);
        Ok(found)
    }

    async fn delete(&self, resource: &Resource) -> Result<bool, ProviderError> {
        self.account.delete(resource).await
    }
}
