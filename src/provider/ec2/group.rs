//! The security group of a launch: the configured one, or a temporary one that lets in this machine and nobody else.

use std::net::IpAddr;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, ResourceType};
use ipnet::IpNet;

use super::account::{Account, TAG_EXPIRES, TAG_LEASE, filter, of_owner, tag};
use super::image::deleted;
use super::public_address::public_addresses;
use super::refusal::from_sdk_error;
use super::tags;
use crate::config::{AddressKind, Ec2Spec};
use crate::instance::{FoundResource, LaunchRequest, LeaseToken, Owner, Resource};
use crate::provider::{ProviderError, RefusalKind, Sweep as _};

/// The description of a temporary group in the AWS console.
const DESCRIPTION: &str = "temporary group of a collector run";

/// The group of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// One that exists.
    Existing(String),
    /// One that was made for the launch. EC2 may not show it at once.
    Made(String),
    /// One that is made for the launch, and lets these networks in.
    Temporary {
        /// Its VPC.
        vpc: String,
        /// The networks.
        from: Vec<IpNet>,
    },
}

impl Group {
    /// The id, once the group exists.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Existing(id) | Self::Made(id) => Some(id),
            Self::Temporary { .. } => None,
        }
    }

    /// Makes a temporary group, tagged in the call that creates it; an existing one is left as it is.
    pub(super) async fn create(
        &mut self,
        account: &Account,
        request: &LaunchRequest,
        port: u16,
    ) -> Result<(), ProviderError> {
        let Self::Temporary { vpc, from } = self else {
            return Ok(());
        };
        let name = format!("collector-{}", request.lease);
        let created = account
            .client
            .create_security_group()
            .group_name(&name)
            .description(DESCRIPTION)
            .vpc_id(vpc.as_str())
            .set_tag_specifications(Some(tags(request, [ResourceType::SecurityGroup])))
            .send()
            .await;
        let id = match created {
            Ok(created) => created.group_id().unwrap_or_default().to_owned(),
            Err(error) => match from_sdk_error("CreateSecurityGroup", &error) {
                // An earlier attempt was carried out, and its answer lost.
                error if error.refusal_kind() == Some(RefusalKind::Duplicate) => {
                    let found = find(account, &name, vpc).await?;
                    let [id] = found.as_slice() else {
                        return Err(not_yet_visible(error));
                    };
                    id.clone()
                }
                error => return Err(error),
            },
        };
        let allowed = account
            .client
            .authorize_security_group_ingress()
            .group_id(&id)
            .ip_permissions(ingress(from, port))
            .send()
            .await;
        if let Err(error) = allowed {
            let error = from_sdk_error("AuthorizeSecurityGroupIngress", &error);
            match error.refusal_kind() {
                Some(RefusalKind::Duplicate) => {}
                Some(RefusalKind::NotFound) => return Err(not_yet_visible(error)),
                _ => return Err(error),
            }
        }
        *self = Self::Made(id);
        Ok(())
    }

    /// The error of a launch: that there is no such group will change if it has just been made.
    pub(super) fn settling(&self, error: ProviderError) -> ProviderError {
        let is_of_group = matches!(&error, ProviderError::Refused { code, kind: RefusalKind::NotFound, .. } if code.starts_with("InvalidGroup"));
        match self {
            Self::Made(_) if is_of_group => not_yet_visible(error),
            _ => error,
        }
    }
}

/// The refusal of what EC2 will do a little later, when it shows what it has made.
fn not_yet_visible(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Refused {
            action,
            code,
            message,
            ..
        } => ProviderError::Refused {
            action,
            code,
            message,
            kind: RefusalKind::NotYetVisible,
            hint: Some("EC2 did not show the group that it had made: try again"),
        },
        error => error,
    }
}

fn ingress(from: &[IpNet], port: u16) -> IpPermission {
    let port = i32::from(port);
    let mut permission = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(port)
        .to_port(port);
    for network in from {
        let cidr = network.trunc().to_string();
        permission = match network {
            IpNet::V4(_) => permission.ip_ranges(IpRange::builder().cidr_ip(cidr).build()),
            IpNet::V6(_) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).build()),
        };
    }
    permission.build()
}

/// The group that the config asks for, and what the user should know about it. Nothing is made yet.
pub(super) async fn resolve(
    account: &Account,
    spec: &Ec2Spec,
) -> Result<(Group, Option<String>), ProviderError> {
    let mut warning = None;
    if let Some(name) = &spec.security_group {
        if name.starts_with("sg-") {
            return Ok((Group::Existing(name.clone()), None));
        }
        let vpc = vpc(account, spec).await?;
        let found = find(account, name, &vpc).await?;
        match found.as_slice() {
            [id] => return Ok((Group::Existing(id.clone()), None)),
            [] => {
                warning = Some(format!(
                    "no security group is named `{name}` in {vpc} of {}: a temporary one is used",
                    account.region()
                ));
            }
            several => {
                return Err(ProviderError::SecurityGroup {
                    name: name.clone(),
                    found: several.len(),
                    scope: format!(" in {vpc} of {}", account.region()),
                });
            }
        }
    }
    let (vpc, from) = tokio::try_join!(vpc(account, spec), networks(spec))?;
    Ok((Group::Temporary { vpc, from }, warning))
}

/// The networks that a temporary group lets in.
async fn networks(spec: &Ec2Spec) -> Result<Vec<IpNet>, ProviderError> {
    if !spec.ssh_from.is_empty() {
        return Ok(spec.ssh_from.clone());
    }
    if spec.address == AddressKind::Private {
        return Err(ProviderError::NoPublicAddress {
            reason: "with `address: private` the connection does not come from a public address"
                .into(),
        });
    }
    let addresses: Vec<IpAddr> = public_addresses().await?;
    Ok(addresses.into_iter().map(IpNet::from).collect())
}

/// The VPC of the subnet, or the default one.
async fn vpc(account: &Account, spec: &Ec2Spec) -> Result<String, ProviderError> {
    let client = &account.client;
    let vpc = if let Some(subnet) = &spec.subnet {
        let answer = client.describe_subnets().subnet_ids(subnet).send().await;
        let answer = answer.map_err(|error| from_sdk_error("DescribeSubnets", &error))?;
        let subnet = answer.subnets().first();
        subnet.and_then(|subnet| subnet.vpc_id()).map(str::to_owned)
    } else {
        let default = filter("is-default", ["true"]);
        let answer = client.describe_vpcs().filters(default).send().await;
        let answer = answer.map_err(|error| from_sdk_error("DescribeVpcs", &error))?;
        let vpc = answer.vpcs().first();
        vpc.and_then(|vpc| vpc.vpc_id()).map(str::to_owned)
    };
    vpc.ok_or_else(|| ProviderError::NoVpc {
        region: account.region().to_owned(),
    })
}

/// The ids of the groups of this name.
async fn find(account: &Account, name: &str, vpc: &str) -> Result<Vec<String>, ProviderError> {
    let answer = account
        .client
        .describe_security_groups()
        .filters(filter("group-name", [name]))
        .filters(filter("vpc-id", [vpc]))
        .send()
        .await
        .map_err(|error| from_sdk_error("DescribeSecurityGroups", &error))?;
    let ids = answer.security_groups().iter();
    Ok(ids
        .filter_map(|group| group.group_id().map(str::to_owned))
        .collect())
}

impl Account {
    /// The temporary security groups of an owner.
    pub(super) async fn find_groups(
        &self,
        owner: &Owner,
    ) -> Result<Vec<FoundResource>, ProviderError> {
        let mut pages = self
            .client
            .describe_security_groups()
            .filters(of_owner(owner))
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| from_sdk_error("DescribeSecurityGroups", &error))?;
            for group in page.security_groups() {
                let Some(id) = group.group_id() else { continue };
                found.push(FoundResource {
                    resource: Resource::SecurityGroup(id.to_owned()),
                    lease: tag(group.tags(), TAG_LEASE).map(LeaseToken::new),
                    expires_at: tag(group.tags(), TAG_EXPIRES).and_then(|at| at.parse().ok()),
                });
            }
        }
        Ok(found)
    }

    /// Deletes a temporary group; `false` while an instance still has it.
    pub(super) async fn delete_group(&self, id: &str) -> Result<bool, ProviderError> {
        let answer = self
            .client
            .delete_security_group()
            .group_id(id)
            .send()
            .await;
        deleted(answer.map_err(|error| from_sdk_error("DeleteSecurityGroup", &error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_networks_are_let_in_on_one_port() {
        let from = ["192.0.2.7/32", "2001:db8::7/128"].map(|text| text.parse().unwrap());
        let permission = ingress(&from, 2222);
        assert_eq!(permission.ip_protocol(), Some("tcp"));
        assert_eq!(
            (permission.from_port(), permission.to_port()),
            (Some(2222), Some(2222))
        );
        let v4: Vec<_> = permission
            .ip_ranges()
            .iter()
            .map(IpRange::cidr_ip)
            .collect();
        assert_eq!(v4, [Some("192.0.2.7/32")]);
        let v6 = permission.ipv6_ranges().iter();
        let v6: Vec<_> = v6.map(Ipv6Range::cidr_ipv6).collect();
        assert_eq!(v6, [Some("2001:db8::7/128")]);
    }
}
