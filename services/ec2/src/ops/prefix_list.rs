//! Operations on managed prefix lists. Rules that name one follow its current version at once.

use api_ec2 as api;
use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, Once, check_dry_run, open, parse, seal};
use super::security_group_rule::check_size as check_group_size;
use crate::controllers::network;
use crate::errors;
use crate::rules::prefix_list as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::id::{Id, PrefixListId, VpcId};
use crate::state::prefix_list::{Change, Entry, PrefixList};
use crate::state::security_group::{Peer, SecurityGroup};
use crate::state::tag::Tags;
use crate::state::{prefix_list, security_group, tag};

pub async fn create_managed_prefix_list(
    ctx: &Ctx,
    input: api::CreateManagedPrefixListRequest,
) -> Result<api::CreateManagedPrefixListResult> {
    rules::check_new(&input.prefix_list_name, input.max_entries, &input.address_family)?;
    let entries = read_entries(input.entries.unwrap_or_default())?;
    rules::check_size(&entries, input.max_entries)?;
    let tags = of_one::<PrefixListId>(input.tag_specifications)?;
    let asked = format!("{} {} {entries:?}", input.prefix_list_name, input.max_entries);
    let once = Once::new("CreateManagedPrefixList", input.client_token.as_ref(), asked);
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        if let Some(made) = once.find(tx)? {
            return prefix_list::get(tx, scope, &made);
        }
        let list = PrefixList {
            id: PrefixListId::fresh(tx.ctx().ids()),
            name: input.prefix_list_name.clone(),
            entries_max: input.max_entries,
            versions: vec![entries.clone()],
            last_change: Change::Created,
        };
        prefix_list::put(tx, scope, &list)?;
        tag::put(tx, scope, &list.id, tags.clone())?;
        once.remember(tx, &list.id)?;
        Ok(list)
    });
    let prefix_list = Some(show(&write.await?, scope, Some(&tags)));
    Ok(api::CreateManagedPrefixListResult { prefix_list })
}

fn read_entries(given: Vec<api::AddPrefixListEntry>) -> Result<Vec<Entry>> {
    let read = |one: api::AddPrefixListEntry| rules::check_entry(Some(one.cidr), one.description);
    given.into_iter().map(read).collect()
}

/// The VPCs whose rules name the list.
fn named_by(from: &mut impl Reader, scope: &Scope, id: &PrefixListId) -> Result<Vec<SecurityGroup>> {
    let names = |group: &SecurityGroup| {
        group.rules.iter().any(|rule| matches!(&rule.peer, Peer::PrefixList(named) if named == id))
    };
    Ok(security_group::all(from, scope)?.into_iter().filter(names).collect())
}

async fn put_in_force(ctx: &Ctx, id: &PrefixListId) -> Result<()> {
    let groups = ctx.read(|snap| named_by(snap, ctx.scope(), id)).await?;
    let vpcs: std::collections::BTreeSet<VpcId> = groups.into_iter().map(|group| group.vpc).collect();
    for vpc in vpcs {
        network::ensure_vpc(ctx, &vpc).await?;
    }
    Ok(())
}

pub async fn modify_managed_prefix_list(
    ctx: &Ctx,
    input: api::ModifyManagedPrefixListRequest,
) -> Result<api::ModifyManagedPrefixListResult> {
    let id: PrefixListId = parse(&input.prefix_list_id, errors::prefix_list_not_found)?;
    let added = read_entries(input.add_entries.unwrap_or_default())?;
    let removed = input.remove_entries.unwrap_or_default().into_iter();
    let removed = removed
        .map(|one| Ok(rules::check_entry(Some(one.cidr), None)?.cidr))
        .collect::<Result<Vec<Ipv4Net>>>()?;
    let changes_entries = !added.is_empty() || !removed.is_empty();
    if changes_entries && input.current_version.is_none() {
        return Err(errors::missing("CurrentVersion"));
    }
    if changes_entries && input.max_entries.is_some() {
        return Err(errors::combination("MaxEntries and entries cannot be changed in the same request."));
    }
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut list = prefix_list::get_own(tx, scope, &id)?;
        if let Some(given) = input.current_version.filter(|given| *given != list.version()) {
            return Err(errors::prefix_list_version(given, list.version()));
        }
        if let Some(name) = &input.prefix_list_name {
            rules::check_new(name, list.entries_max, rules::FAMILY)?;
            list.name.clone_from(name);
        }
        list.entries_max = input.max_entries.unwrap_or(list.entries_max);
        rules::check_new(&list.name, list.entries_max, rules::FAMILY)?;
        let next = rules::changed(list.entries(), &added, &removed)?;
        rules::check_size(&next, list.entries_max)?;
        if changes_entries {
            list.versions.push(next);
        }
        list.last_change = Change::Modified;
        prefix_list::put(tx, scope, &list)?;
        for group in named_by(tx, scope, &id)? {
            check_group_size(tx, scope, &group)?;
        }
        Ok((tag::of(tx, scope, &id)?, list))
    });
    let (tags, list) = write.await?;
    put_in_force(ctx, &id).await?;
    let prefix_list = Some(show(&list, scope, Some(&tags)));
    Ok(api::ModifyManagedPrefixListResult { prefix_list })
}

pub async fn restore_managed_prefix_list_version(
    ctx: &Ctx,
    input: api::RestoreManagedPrefixListVersionRequest,
) -> Result<api::RestoreManagedPrefixListVersionResult> {
    let id: PrefixListId = parse(&input.prefix_list_id, errors::prefix_list_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut list = prefix_list::get_own(tx, scope, &id)?;
        if input.current_version != list.version() {
            return Err(errors::prefix_list_version(input.current_version, list.version()));
        }
        let former = list.entries_of(input.previous_version).map(<[Entry]>::to_vec);
        let former =
            former.ok_or_else(|| errors::prefix_list_version(input.previous_version, list.version()))?;
        rules::check_size(&former, list.entries_max)?;
        list.versions.push(former);
        list.last_change = Change::Restored;
        prefix_list::put(tx, scope, &list)?;
        Ok((tag::of(tx, scope, &id)?, list))
    });
    let (tags, list) = write.await?;
    put_in_force(ctx, &id).await?;
    let prefix_list = Some(show(&list, scope, Some(&tags)));
    Ok(api::RestoreManagedPrefixListVersionResult { prefix_list })
}

pub async fn delete_managed_prefix_list(
    ctx: &Ctx,
    input: api::DeleteManagedPrefixListRequest,
) -> Result<api::DeleteManagedPrefixListResult> {
    let id: PrefixListId = parse(&input.prefix_list_id, errors::prefix_list_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let list = prefix_list::get_own(tx, scope, &id)?;
        if !named_by(tx, scope, &id)?.is_empty() {
            return Err(errors::prefix_list_in_use(&id));
        }
        prefix_list::delete(tx, scope, &id)?;
        Ok(list)
    });
    let gone = Some("delete-complete".to_owned());
    let prefix_list = Some(api::ManagedPrefixList { state: gone, ..show(&write.await?, scope, None) });
    Ok(api::DeleteManagedPrefixListResult { prefix_list })
}

pub async fn describe_managed_prefix_lists(
    ctx: &Ctx,
    input: api::DescribeManagedPrefixListsRequest,
) -> Result<api::DescribeManagedPrefixListsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeManagedPrefixLists", input.prefix_list_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read =
        ctx.read(|snap| Ok((prefix_list::all(snap, scope)?, tag::of_all::<PrefixListId>(snap, scope)?)));
    let (mut lists, tags) = read.await?;
    lists.extend(prefix_list::of_services(scope.region.as_str()));
    let values = |list: &PrefixList, name: &str| rules::values(list, scope, name);
    let (lists, next_token) =
        listing.cut(ctx, lists, &tags, |it| it.id.as_str(), values, errors::prefix_list_not_found)?;
    let show = |list: &PrefixList| show(list, scope, tags.get(list.id.as_str()));
    Ok(api::DescribeManagedPrefixListsResult {
        prefix_lists: Some(lists.iter().map(show).collect()),
        next_token,
    })
}

pub async fn get_managed_prefix_list_entries(
    ctx: &Ctx,
    input: api::GetManagedPrefixListEntriesRequest,
) -> Result<api::GetManagedPrefixListEntriesResult> {
    const OPERATION: &str = "GetManagedPrefixListEntries";
    let id: PrefixListId = parse(&input.prefix_list_id, errors::prefix_list_not_found)?;
    let page = open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let list = ctx.read(|snap| prefix_list::get(snap, ctx.scope(), &id)).await?;
    let version = input.target_version.unwrap_or(list.version());
    let entries =
        list.entries_of(version).ok_or_else(|| errors::prefix_list_version(version, list.version()))?;
    let (entries, last) = page.cut(entries.to_vec(), |entry| entry.cidr.to_string());
    let show = |entry: Entry| api::PrefixListEntry {
        cidr: Some(entry.cidr.to_string()),
        description: entry.description,
    };
    let entries = Some(entries.into_iter().map(show).collect());
    Ok(api::GetManagedPrefixListEntriesResult { entries, next_token: seal(ctx, OPERATION, last) })
}

pub async fn get_managed_prefix_list_associations(
    ctx: &Ctx,
    input: api::GetManagedPrefixListAssociationsRequest,
) -> Result<api::GetManagedPrefixListAssociationsResult> {
    const OPERATION: &str = "GetManagedPrefixListAssociations";
    let id: PrefixListId = parse(&input.prefix_list_id, errors::prefix_list_not_found)?;
    let page = open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        prefix_list::get(snap, scope, &id)?;
        named_by(snap, scope, &id)
    });
    let (groups, last) = page.cut(read.await?, |group| group.id.to_string());
    let show = |group: &SecurityGroup| api::PrefixListAssociation {
        resource_id: Some(group.id.to_string()),
        resource_owner: Some(scope.account.to_string()),
    };
    let prefix_list_associations = Some(groups.iter().map(show).collect());
    Ok(api::GetManagedPrefixListAssociationsResult {
        prefix_list_associations,
        next_token: seal(ctx, OPERATION, last),
    })
}

fn show(list: &PrefixList, scope: &Scope, tags: Option<&Tags>) -> api::ManagedPrefixList {
    let (owner, arn) = rules::owner(list, scope);
    api::ManagedPrefixList {
        prefix_list_id: Some(list.id.to_string()),
        address_family: Some(rules::FAMILY.to_owned()),
        state: Some(rules::state(list).to_owned()),
        prefix_list_arn: Some(arn),
        prefix_list_name: Some(list.name.clone()),
        max_entries: Some(list.entries_max),
        version: Some(list.version()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        owner_id: Some(owner),
        ..api::ManagedPrefixList::default()
    }
}
