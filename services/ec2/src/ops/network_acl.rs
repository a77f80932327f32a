//! Operations on network ACLs.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::network_acl as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::id::{Id, NetworkAclAssociationId, NetworkAclId, VpcId};
use crate::state::network_acl::{Association, Entry, NetworkAcl};
use crate::state::tag::Tags;
use crate::state::{network_acl, tag, vpc};

pub async fn describe_network_acls(
    ctx: &Ctx,
    input: api::DescribeNetworkAclsRequest,
) -> Result<api::DescribeNetworkAclsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeNetworkAcls", input.network_acl_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read =
        ctx.read(|snap| Ok((network_acl::all(snap, scope)?, tag::of_all::<NetworkAclId>(snap, scope)?)));
    let (acls, tags) = read.await?;
    let values = |acl: &NetworkAcl, name: &str| rules::values(acl, scope, name);
    let (acls, next_token) =
        listing.cut(ctx, acls, &tags, |acl| acl.id.as_str(), values, errors::network_acl_not_found)?;
    let show = |acl: &NetworkAcl| show(acl, scope, tags.get(acl.id.as_str()));
    Ok(api::DescribeNetworkAclsResult { network_acls: Some(acls.iter().map(show).collect()), next_token })
}

fn show(acl: &NetworkAcl, scope: &Scope, tags: Option<&Tags>) -> api::NetworkAcl {
    let entry = |entry: &Entry| api::NetworkAclEntry {
        cidr_block: rules::cidr(entry),
        ipv6_cidr_block: rules::cidr6(entry),
        egress: Some(entry.egress),
        protocol: Some(entry.protocol.clone()),
        rule_action: Some(rules::action(entry).to_owned()),
        rule_number: Some(entry.number),
        port_range: entry
            .ports
            .map(|(from, to)| api::PortRange { from: Some(from.into()), to: Some(to.into()) }),
        icmp_type_code: entry
            .icmp
            .map(|(kind, code)| api::IcmpTypeCode { code: Some(code), r#type: Some(kind) }),
    };
    let association = |association: &Association| api::NetworkAclAssociation {
        network_acl_association_id: Some(association.id.to_string()),
        network_acl_id: Some(acl.id.to_string()),
        subnet_id: Some(association.subnet.to_string()),
    };
    api::NetworkAcl {
        associations: Some(acl.associations.iter().map(association).collect()),
        entries: Some(acl.entries.iter().map(entry).collect()),
        is_default: Some(acl.is_default),
        network_acl_id: Some(acl.id.to_string()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        vpc_id: Some(acl.vpc.to_string()),
        owner_id: Some(scope.account.to_string()),
    }
}

pub async fn create_network_acl(
    ctx: &Ctx,
    input: api::CreateNetworkAclRequest,
) -> Result<api::CreateNetworkAclResult> {
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let tags = of_one::<NetworkAclId>(input.tag_specifications)?;
    let once = Once::new("CreateNetworkAcl", input.client_token.as_ref(), vpc.to_string());
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if let Some(made) = once.find(tx)? {
            return network_acl::get(tx, scope, &made);
        }
        let vpc = vpc::get(tx, scope, &vpc)?;
        if network_acl::of_vpc(tx, scope, &vpc.id)?.len() >= rules::ACLS_MAX {
            return Err(errors::acl_limit());
        }
        let acl = network_acl::insert(tx, scope, &vpc)?;
        tag::put(tx, scope, &acl.id, tags.clone())?;
        once.remember(tx, &acl.id)?;
        Ok(acl)
    });
    let network_acl = Some(show(&write.await?, scope, Some(&tags)));
    Ok(api::CreateNetworkAclResult { network_acl, client_token: input.client_token })
}

pub async fn delete_network_acl(ctx: &Ctx, input: api::DeleteNetworkAclRequest) -> Result<()> {
    let id: NetworkAclId = parse(&input.network_acl_id, errors::network_acl_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let acl = network_acl::get(tx, scope, &id)?;
        if acl.is_default {
            return Err(errors::network_acl_default(&id));
        }
        if !acl.associations.is_empty() {
            return Err(errors::network_acl_in_use(&id));
        }
        network_acl::delete(tx, scope, &id)
    })
    .await
}

/// The entry an input asks for.
macro_rules! wanted {
    ($input:expr) => {
        rules::Wanted {
            number: $input.rule_number,
            egress: $input.egress,
            protocol: $input.protocol,
            action: $input.rule_action,
            cidr: $input.cidr_block,
            cidr6: $input.ipv6_cidr_block,
            ports: $input.port_range.and_then(|range| Some((range.from?, range.to?))),
            icmp: $input.icmp_type_code.map(|it| (it.r#type.unwrap_or(-1), it.code.unwrap_or(-1))),
        }
    };
}

pub async fn create_network_acl_entry(ctx: &Ctx, input: api::CreateNetworkAclEntryRequest) -> Result<()> {
    let entry = rules::check(wanted!(input))?;
    check_dry_run(input.dry_run)?;
    change(ctx, &input.network_acl_id, |acl| rules::put_entry(acl, entry.clone(), false)).await
}

pub async fn replace_network_acl_entry(ctx: &Ctx, input: api::ReplaceNetworkAclEntryRequest) -> Result<()> {
    let entry = rules::check(wanted!(input))?;
    check_dry_run(input.dry_run)?;
    change(ctx, &input.network_acl_id, |acl| rules::put_entry(acl, entry.clone(), true)).await
}

pub async fn delete_network_acl_entry(ctx: &Ctx, input: api::DeleteNetworkAclEntryRequest) -> Result<()> {
    let (number, egress) = (input.rule_number, input.egress);
    check_dry_run(input.dry_run)?;
    change(ctx, &input.network_acl_id, |acl| {
        let before = acl.entries.len();
        acl.entries
            .retain(|entry| (entry.number, entry.egress) != (number, egress) || number >= rules::LAST_RULE);
        if acl.entries.len() < before { Ok(()) } else { Err(errors::acl_entry_not_found(&acl.id, number)) }
    })
    .await
}

async fn change(
    ctx: &Ctx,
    id: &str,
    change: impl Fn(&mut NetworkAcl) -> Result<()> + Send + Sync,
) -> Result<()> {
    let id: NetworkAclId = parse(id, errors::network_acl_not_found)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut acl = network_acl::get(tx, scope, &id)?;
        change(&mut acl)?;
        network_acl::put(tx, scope, &acl)?;
        Ok(acl.vpc)
    });
    let vpc = write.await?;
    network::ensure_vpc(ctx, &vpc).await
}

pub async fn replace_network_acl_association(
    ctx: &Ctx,
    input: api::ReplaceNetworkAclAssociationRequest,
) -> Result<api::ReplaceNetworkAclAssociationResult> {
    let old: NetworkAclAssociationId = parse(&input.association_id, errors::acl_association_not_found)?;
    let id: NetworkAclId = parse(&input.network_acl_id, errors::network_acl_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let is_old = |association: &Association| association.id == old;
        let found = network_acl::all(tx, scope)?.into_iter().find(|acl| acl.associations.iter().any(is_old));
        let mut from = found.ok_or_else(|| errors::acl_association_not_found(&old))?;
        if network_acl::get(tx, scope, &id)?.vpc != from.vpc {
            return Err(errors::different_networks(&id, &from.id));
        }
        let moved = from.associations.iter().find(|it| is_old(it)).map(|it| it.subnet.clone());
        from.associations.retain(|association| !is_old(association));
        network_acl::put(tx, scope, &from)?;
        // Read again: it may be the same ACL.
        let mut acl = network_acl::get(tx, scope, &id)?;
        let new = NetworkAclAssociationId::fresh(tx.ctx().ids());
        acl.associations.extend(moved.map(|subnet| Association { id: new.clone(), subnet }));
        network_acl::put(tx, scope, &acl)?;
        Ok((new, acl.vpc))
    });
    let (new, vpc) = write.await?;
    network::ensure_vpc(ctx, &vpc).await?;
    Ok(api::ReplaceNetworkAclAssociationResult { new_association_id: Some(new.to_string()) })
}
