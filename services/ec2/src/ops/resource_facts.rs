//! What conditions of policies may ask about the resources of EC2: their tags, and keys of the service.

use kernel::tx::Reader;
use kernel::{Arn, Conditions, Ctx, ResourceFacts, Result, Scope};

use crate::rules::{image, placement};
use crate::state::id::{GroupId, Id, InstanceId, InterfaceId, KeyPairId, SubnetId};
use crate::state::{instance, key_pair, network_interface, security_group, subnet, tag};

/// `None` for a resource without an id: one that is to be made.
pub async fn find(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let Some((kind, id)) = arn.resource.split_once('/').filter(|(_, id)| *id != "*") else {
        return Ok(None);
    };
    let scope = *ctx.scope();
    let (tags, mut conditions) = ctx
        .read(|snap| {
            // A key pair's ARN bears its name, its tags its id.
            let pair = if kind == KeyPairId::RESOURCE { key_pair::find(snap, &scope, id)? } else { None };
            let tagged = pair.as_ref().map_or(id, |pair| pair.id.as_str());
            let tags = tag::of_resource(snap, &scope, kind, tagged)?;
            Ok((tags, conditions(snap, &scope, kind, id)?))
        })
        .await?;
    conditions.push(("ec2:Region".into(), vec![scope.region.to_string()]));
    let facts = ResourceFacts::tagged(&tags);
    Ok(Some(ResourceFacts { has_own_tag_key: true, conditions, ..facts }))
}

fn conditions(from: &mut impl Reader, scope: &Scope, kind: &str, id: &str) -> Result<Conditions> {
    let arn = |kind: &str, id: &str| scope.arn("ec2", format_args!("{kind}/{id}"));
    let given: Vec<(&'static str, String)> = match kind {
        InstanceId::RESOURCE => match parsed(id, |id: &InstanceId| instance::find(from, scope, id))? {
            Some(found) => of_instance(&found),
            None => Vec::new(),
        },
        SubnetId::RESOURCE => match parsed(id, |id: &SubnetId| subnet::find(from, scope, id))? {
            Some(found) => vec![
                ("ec2:AvailabilityZone", found.zone.clone()),
                ("ec2:SubnetID", id.to_owned()),
                ("ec2:Vpc", arn("vpc", found.vpc.as_str())),
            ],
            None => Vec::new(),
        },
        GroupId::RESOURCE => match parsed(id, |id: &GroupId| security_group::find(from, scope, id))? {
            Some(found) => {
                vec![("ec2:SecurityGroupID", id.to_owned()), ("ec2:Vpc", arn("vpc", found.vpc.as_str()))]
            }
            None => Vec::new(),
        },
        InterfaceId::RESOURCE => {
            match parsed(id, |id: &InterfaceId| network_interface::find(from, scope, id))? {
                Some(found) => vec![
                    ("ec2:AvailabilityZone", found.zone.clone()),
                    ("ec2:NetworkInterfaceID", id.to_owned()),
                    ("ec2:Subnet", arn("subnet", found.subnet.as_str())),
                    ("ec2:Vpc", arn("vpc", found.vpc.as_str())),
                ],
                None => Vec::new(),
            }
        }
        KeyPairId::RESOURCE => vec![("ec2:KeyPairName", id.to_owned())],
        "vpc" => vec![("ec2:VpcID", id.to_owned())],
        "image" => vec![
            ("ec2:ImageID", id.to_owned()),
            ("ec2:ImageType", "machine".to_owned()),
            ("ec2:Owner", image::OWNER_ALIAS.to_owned()),
            ("ec2:Public", "true".to_owned()),
            ("ec2:RootDeviceType", "ebs".to_owned()),
        ],
        _ => Vec::new(),
    };
    Ok(given.into_iter().map(|(key, value)| (key.into(), vec![value])).collect())
}

fn of_instance(instance: &instance::Instance) -> Vec<(&'static str, String)> {
    let metadata = &instance.metadata;
    let tokens = if metadata.tokens_required { "required" } else { "optional" };
    let mut given = vec![
        ("ec2:AvailabilityZone", instance.zone.clone()),
        ("ec2:EbsOptimized", instance.ebs_optimized.to_string()),
        ("ec2:InstanceID", instance.id.to_string()),
        ("ec2:InstanceType", instance.instance_type.clone()),
        ("ec2:MetadataHttpPutResponseHopLimit", metadata.hop_limit.to_string()),
        ("ec2:MetadataHttpTokens", tokens.to_owned()),
        ("ec2:RootDeviceType", "ebs".to_owned()),
        ("ec2:Tenancy", placement::tenancy(instance.place.tenancy).to_owned()),
    ];
    given.extend(instance.profile.as_ref().map(|profile| ("ec2:InstanceProfile", profile.arn.clone())));
    given
}

fn parsed<I: Id, T>(id: &str, find: impl FnOnce(&I) -> Result<Option<T>>) -> Result<Option<T>> {
    I::parse(id).map_or(Ok(None), |id| find(&id))
}
