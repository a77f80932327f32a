//! Operations on network ACLs.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::network_acl as rules;
use crate::rules::tag::shown;
use crate::state::id::{Id, NetworkAclId};
use crate::state::network_acl::{Association, Entry, NetworkAcl};
use crate::state::tag::Tags;
use crate::state::{network_acl, tag};

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
        cidr_block: Some(entry.cidr.to_string()),
        egress: Some(entry.egress),
        protocol: Some(entry.protocol.clone()),
        rule_action: Some(rules::action(entry).to_owned()),
        rule_number: Some(entry.number),
        ..api::NetworkAclEntry::default()
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
