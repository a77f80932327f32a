//! Placement groups.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Result, Scope};

use super::page::check_dry_run;
use crate::errors;
use crate::rules::filter::{Filters, pick};
use crate::rules::instance::State;
use crate::rules::placement::{self as rules, GroupName, Member, Strategy};
use crate::rules::tag::{of_one, shown};
use crate::state::id::{Id, PlacementGroupId};
use crate::state::instance::{self, Instance};
use crate::state::placement_group::{self as state, PlacementGroup};
use crate::state::tag::{self, Tags};

const FILTERS: &[&str] = &["group-arn", "group-name", "spread-level", "state", "strategy"];

pub fn access(scope: &Scope, name: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("placement-group/{}", name.unwrap_or("*")))))
}

pub async fn create_placement_group(
    ctx: &Ctx,
    input: api::CreatePlacementGroupRequest,
) -> Result<api::CreatePlacementGroupResult> {
    let (name, strategy) = rules::check_group(&input)?;
    let tags = of_one::<PlacementGroupId>(input.tag_specifications)?;
    let scope = *ctx.scope();
    let group = ctx
        .write(|tx| {
            if state::find(tx, &scope, &name)?.is_some() {
                return Err(errors::placement_group_exists(&name));
            }
            if state::all(tx, &scope)?.len() >= rules::GROUPS_MAX {
                return Err(errors::placement_group_limit());
            }
            check_dry_run(input.dry_run)?;
            let id = PlacementGroupId::fresh(tx.ctx().ids());
            let group = PlacementGroup { id, name: name.clone(), strategy };
            state::put(tx, &scope, &group)?;
            tag::put(tx, &scope, &group.id, tags.clone())?;
            Ok(group)
        })
        .await?;
    Ok(api::CreatePlacementGroupResult { placement_group: Some(show(&group, &scope, Some(&tags))) })
}

pub async fn delete_placement_group(ctx: &Ctx, input: api::DeletePlacementGroupRequest) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let group = state::get(tx, &scope, &GroupName::Name(input.group_name.clone()))?;
        let members = instance::all(tx, &scope)?;
        if members.iter().any(|one| is_in(one, &group) && one.state() != State::Terminated) {
            return Err(errors::placement_group_in_use(&group.name));
        }
        check_dry_run(input.dry_run)?;
        state::delete(tx, &scope, &group)
    })
    .await
}

fn is_in(instance: &Instance, group: &PlacementGroup) -> bool {
    instance.place.group.as_ref().is_some_and(|(id, _)| *id == group.id)
}

/// The partition an instance gets that joins a group.
///
/// # Errors
/// `InsufficientInstanceCapacity`.
pub fn join(
    from: &mut impl Reader,
    scope: &Scope,
    group: &PlacementGroup,
    wanted: Option<u32>,
    zone: &str,
) -> Result<Option<u32>> {
    let all = instance::all(from, scope)?;
    let counts = |one: &&Instance| {
        is_in(one, group) && matches!(one.state(), State::Running | State::Pending | State::Stopping)
    };
    let members: Vec<Member<'_>> =
        all.iter().filter(counts).map(|one| (one.zone.as_str(), one.place.partition)).collect();
    rules::join(group.strategy, wanted, zone, &members)
}

pub async fn describe_placement_groups(
    ctx: &Ctx,
    input: api::DescribePlacementGroupsRequest,
) -> Result<api::DescribePlacementGroupsResult> {
    let filters = Filters::check(input.filters, FILTERS)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (groups, tags) = ctx
        .read(|snap| Ok((state::all(snap, &scope)?, tag::of_all::<PlacementGroupId>(snap, &scope)?)))
        .await?;
    let unknown = |name: String| errors::placement_group_unknown(&name);
    let groups = pick(groups, input.group_names.as_ref(), |group| &group.name, unknown)?;
    let mut groups = pick(groups, input.group_ids.as_ref(), |group| group.id.as_str(), unknown)?;
    let none = Tags::new();
    groups.retain(|group| {
        let tags = tags.get(group.id.as_str()).unwrap_or(&none);
        filters.accept(tags, |name| values(group, &scope, name))
    });
    let shown = groups.iter().map(|group| show(group, &scope, tags.get(group.id.as_str()))).collect();
    Ok(api::DescribePlacementGroupsResult { placement_groups: Some(shown) })
}

fn arn(group: &PlacementGroup, scope: &Scope) -> String {
    scope.arn("ec2", format_args!("placement-group/{}", group.name))
}

fn spread_level(group: &PlacementGroup) -> Option<String> {
    (group.strategy == Strategy::Spread).then(|| "rack".to_owned())
}

fn values(group: &PlacementGroup, scope: &Scope, name: &str) -> Vec<String> {
    vec![match name {
        "group-arn" => arn(group, scope),
        "group-name" => group.name.clone(),
        "spread-level" => return spread_level(group).into_iter().collect(),
        "state" => "available".to_owned(),
        "strategy" => group.strategy.name().to_owned(),
        _ => return Vec::new(),
    }]
}

fn show(group: &PlacementGroup, scope: &Scope, tags: Option<&Tags>) -> api::PlacementGroup {
    let partitions = match group.strategy {
        Strategy::Partition { count } => i32::try_from(count).ok(),
        _ => None,
    };
    api::PlacementGroup {
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.to_string()),
        group_arn: Some(arn(group, scope)),
        state: Some("available".to_owned()),
        strategy: Some(group.strategy.name().to_owned()),
        partition_count: partitions,
        spread_level: spread_level(group),
        tags: tags.and_then(shown),
        ..Default::default()
    }
}
