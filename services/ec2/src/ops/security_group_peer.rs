//! Operations that look at groups across peerings: who names one, and which names lead nowhere any more.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{check_dry_run, open, parse, seal};
use crate::errors;
use crate::rules::permission;
use crate::state::id::{GroupId, PeeringId, VpcId};
use crate::state::security_group::{Peer, Rule, SecurityGroup};
use crate::state::{peering, security_group, vpc};

pub async fn describe_security_group_references(
    ctx: &Ctx,
    input: api::DescribeSecurityGroupReferencesRequest,
) -> Result<api::DescribeSecurityGroupReferencesResult> {
    let ids = input.group_id.iter().map(|id| parse::<GroupId>(id, |id| errors::group_malformed(&id)));
    let ids = ids.collect::<Result<Vec<_>>>()?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let mut found: Vec<(GroupId, VpcId, PeeringId)> = Vec::new();
        for id in &ids {
            let group = security_group::get(snap, scope, id)?;
            for (peering, side) in peering::of_vpc(snap, &group.vpc)? {
                let there = security_group::all(snap, &side.scope)?;
                let names = |rule: &Rule| matches!(&rule.peer, Peer::Group { id: named, .. } if named == id);
                if there.iter().any(|it| it.vpc == side.vpc && it.rules.iter().any(names)) {
                    found.push((id.clone(), side.vpc, peering));
                }
            }
        }
        Ok(found)
    });
    let show = |(group, vpc, peering): (GroupId, VpcId, PeeringId)| api::SecurityGroupReference {
        group_id: Some(group.to_string()),
        referencing_vpc_id: Some(vpc.to_string()),
        vpc_peering_connection_id: Some(peering.to_string()),
        ..api::SecurityGroupReference::default()
    };
    let security_group_reference_set = Some(read.await?.into_iter().map(show).collect());
    Ok(api::DescribeSecurityGroupReferencesResult { security_group_reference_set })
}

/// Groups of a VPC with rules that name groups no longer there, or no longer in a peer of the VPC.
pub async fn describe_stale_security_groups(
    ctx: &Ctx,
    input: api::DescribeStaleSecurityGroupsRequest,
) -> Result<api::DescribeStaleSecurityGroupsResult> {
    const OPERATION: &str = "DescribeStaleSecurityGroups";
    let id: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let page = open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        vpc::get(snap, scope, &id)?;
        let peers = peering::of_vpc(snap, &id)?;
        let mut stale = Vec::new();
        for mut group in security_group::all(snap, scope)?.into_iter().filter(|group| group.vpc == id) {
            let mut rules = Vec::new();
            for rule in group.rules {
                if let Peer::Group { id: named, foreign: Some(other), .. } = &rule.peer {
                    let side = peers.iter().map(|(_, side)| side).find(|side| side.vpc == *other);
                    let there =
                        side.map(|side| security_group::find(snap, &side.scope, named)).transpose()?;
                    if there.flatten().is_none() {
                        rules.push(rule);
                    }
                }
            }
            group.rules = rules;
            stale.extend((!group.rules.is_empty()).then_some(group));
        }
        Ok(stale)
    });
    let (groups, last) = page.cut(read.await?, |group| group.id.to_string());
    let stale_security_group_set = Some(groups.iter().map(show).collect());
    Ok(api::DescribeStaleSecurityGroupsResult {
        stale_security_group_set,
        next_token: seal(ctx, OPERATION, last),
    })
}

fn show(group: &SecurityGroup) -> api::StaleSecurityGroup {
    let permissions = |egress| {
        let shown = permission::shown(group.rules.iter().filter(move |rule| rule.egress == egress));
        let stale = |it: api::IpPermission| api::StaleIpPermission {
            from_port: it.from_port,
            ip_protocol: it.ip_protocol,
            to_port: it.to_port,
            user_id_group_pairs: it.user_id_group_pairs,
            ..api::StaleIpPermission::default()
        };
        Some(shown.into_iter().map(stale).collect())
    };
    api::StaleSecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.clone()),
        stale_ip_permissions: permissions(false),
        stale_ip_permissions_egress: permissions(true),
        vpc_id: Some(group.vpc.to_string()),
    }
}
