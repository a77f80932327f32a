//! What who launches must be allowed to do: to each thing the launch makes or uses, under condition keys of its own
//! (AWS service authorization reference, "Actions, resources, and condition keys for Amazon EC2").

use kernel::{Access, Scope};

use super::instance_profile::pass_role;
use super::launch::Launch;
use super::launch_network::Interface;
use crate::state::id::{GroupId, Id, ImageId};
use crate::state::subnet::Subnet;

/// What a launch uses, as it was found.
pub struct Uses<'a> {
    pub image: &'a ImageId,
    pub subnet: &'a Subnet,
    pub groups: &'a [GroupId],
    /// ARNs of the instance profile and of its role.
    pub profile: Option<(&'a str, &'a str)>,
}

/// Everything the launch needs leave for, first of all the instances.
pub fn access(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Access {
    let mut access = instances(scope, wanted, uses).also(image(scope, wanted, uses));
    access = interfaces(scope, wanted, uses)
        .into_iter()
        .fold(access.also(volumes(scope, wanted, uses)), Access::also);
    let arn = |kind: &str, id: &str| scope.arn("ec2", format_args!("{kind}/{id}"));
    if wanted.market.is_some() {
        access = access.also(part(scope, wanted, arn("spot-instances-request", "*")));
    }
    access = access.also(part(scope, wanted, arn("subnet", &uses.subnet.id.to_string())));
    for group in uses.groups {
        access = access.also(part(scope, wanted, arn("security-group", &group.to_string())));
    }
    if let Some(name) = &wanted.key_name {
        access = access.also(part(scope, wanted, arn("key-pair", name)));
    }
    if let Some(source) = &wanted.source {
        access = access.also(part(scope, wanted, arn("launch-template", &source.template.to_string())));
    }
    for (kind, tags) in wanted.tags.iter().filter(|(_, tags)| !tags.is_empty()) {
        let tagging = Access::on(arn(kind, "*")).action("ec2:CreateTags");
        let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let tagging = tagging.condition("ec2:CreateAction", ["RunInstances".to_owned()]).request_tags(tags);
        access = access.also(tagging);
    }
    match uses.profile {
        Some((_, role)) => access.also(pass_role(role)),
        None => access,
    }
}

/// What a spot request needs leave for: what its launches will use, but neither instances nor volumes, which it may
/// never make.
pub fn spot_access(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Access {
    let whole = access(scope, wanted, uses);
    let made = [scope.arn("ec2", "instance/*"), scope.arn("ec2", "volume/*")];
    let request = Access::on(scope.arn("ec2", "spot-instances-request/*"));
    let parts = whole.also.into_iter().filter(|part| !part.resources.iter().any(|arn| made.contains(arn)));
    parts.fold(request, Access::also)
}

/// Leave to launch with this: with what holds for all parts of a launch.
fn part(scope: &Scope, wanted: &Launch, arn: String) -> Access {
    let access = Access::on(arn).condition("ec2:Region", [scope.region.to_string()]);
    let access = access.condition("ec2:IsLaunchTemplateResource", [wanted.source.is_some().to_string()]);
    match &wanted.source {
        Some(source) => {
            let template = scope.arn("ec2", format_args!("launch-template/{}", source.template));
            access.condition("ec2:LaunchTemplate", [template])
        }
        None => access,
    }
}

fn with_tags(access: Access, wanted: &Launch, kind: &str) -> Access {
    let tags = wanted.tags.get(kind).into_iter().flatten();
    access.request_tags(tags.map(|(key, value)| (key.as_str(), value.as_str())))
}

fn instances(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Access {
    let metadata = &wanted.metadata;
    let enabled = |is_on: bool| [if is_on { "enabled" } else { "disabled" }.to_owned()];
    let market = if wanted.market.is_some() { "spot" } else { "on-demand" };
    let tokens = if metadata.tokens_required { "required" } else { "optional" };
    let access = part(scope, wanted, scope.arn("ec2", "instance/*"))
        .condition("ec2:AvailabilityZone", [uses.subnet.zone.clone()])
        .condition("ec2:EbsOptimized", [wanted.ebs_optimized.to_string()])
        .condition("ec2:InstanceMarketType", [market.to_owned()])
        .condition("ec2:InstanceMetadataTags", enabled(metadata.tags))
        .condition("ec2:InstanceType", [wanted.instance_type.name.to_owned()])
        .condition("ec2:MetadataHttpEndpoint", enabled(metadata.enabled))
        .condition("ec2:MetadataHttpPutResponseHopLimit", [metadata.hop_limit.to_string()])
        .condition("ec2:MetadataHttpTokens", [tokens.to_owned()])
        .condition("ec2:RootDeviceType", ["ebs".to_owned()])
        .condition("ec2:Tenancy", [super::placement::tenancy(wanted.place.tenancy).to_owned()]);
    let access = with_tags(access, wanted, "instance");
    match uses.profile {
        Some((profile, _)) => access.condition("ec2:InstanceProfile", [profile.to_owned()]),
        None => access,
    }
}

/// Images are of no account in their ARNs.
fn image(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Access {
    let arn = format!("arn:{}:ec2:{}::image/{}", scope.partition(), scope.region, uses.image);
    part(scope, wanted, arn)
}

fn volumes(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Access {
    let access = part(scope, wanted, scope.arn("ec2", "volume/*"))
        .condition("ec2:AvailabilityZone", [uses.subnet.zone.clone()]);
    with_tags(access, wanted, "volume")
}

/// Those the launch makes, and what further ones use.
fn interfaces(scope: &Scope, wanted: &Launch, uses: &Uses<'_>) -> Vec<Access> {
    let arn = |kind: &str, id: &str| scope.arn("ec2", format_args!("{kind}/{id}"));
    let mut all = Vec::new();
    if let Interface::New(new) = &wanted.network.first {
        all.push(made(scope, wanted, uses, new.associate_public));
    } else if wanted.network.further.iter().any(|(_, one)| matches!(one, Interface::New(_))) {
        all.push(made(scope, wanted, uses, Some(false)));
    }
    for interface in wanted.network.all() {
        match interface {
            Interface::New(new) => {
                let of_subnet = new.subnet.iter().filter(|id| **id != uses.subnet.id);
                let of_groups = new.groups.iter().filter(|id| !uses.groups.contains(id));
                all.extend(of_subnet.map(|id| part(scope, wanted, arn("subnet", id.as_str()))));
                all.extend(of_groups.map(|id| part(scope, wanted, arn("security-group", id.as_str()))));
            }
            Interface::Existing(id) => all.push(part(scope, wanted, arn("network-interface", id.as_str()))),
        }
    }
    all
}

fn made(scope: &Scope, wanted: &Launch, uses: &Uses<'_>, associate_public: Option<bool>) -> Access {
    let subnet = uses.subnet;
    let arn = |kind: &str, id: &str| [scope.arn("ec2", format_args!("{kind}/{id}"))];
    let public = associate_public.unwrap_or(subnet.map_public_ip_on_launch);
    let access = part(scope, wanted, scope.arn("ec2", "network-interface/*"))
        .condition("ec2:AssociatePublicIpAddress", [public.to_string()])
        .condition("ec2:AvailabilityZone", [subnet.zone.clone()])
        .condition("ec2:Subnet", arn("subnet", &subnet.id.to_string()))
        .condition("ec2:Vpc", arn("vpc", &subnet.vpc.to_string()));
    with_tags(access, wanted, "network-interface")
}
