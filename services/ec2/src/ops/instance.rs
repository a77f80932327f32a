//! Describing instances.

use std::collections::BTreeMap;

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Result, Scope};

use super::instance_surroundings::views;
use super::page::{self, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance_filter::{FILTERS, values};
use crate::rules::instance_view::{View, show};
use crate::state::id::{Id, InstanceId};
use crate::state::instance::{self, Instance};
use crate::state::network_interface::NetworkInterface;
use crate::state::{network_interface, security_group, tag, volume, vpc};

/// Instances that an operation names.
pub fn access_to<'i>(scope: &Scope, ids: impl IntoIterator<Item = &'i String>) -> Result<Access> {
    Ok(Access::on_all(ids.into_iter().map(|id| scope.arn("ec2", format_args!("instance/{id}")))))
}

pub async fn describe_instances(
    ctx: &Ctx,
    input: api::DescribeInstancesRequest,
) -> Result<api::DescribeInstancesResult> {
    const OPERATION: &str = "DescribeInstances";
    let filters = Filters::check(input.filters, FILTERS)?;
    let ids = check_ids(&input.instance_ids.unwrap_or_default())?;
    if !ids.is_empty() && input.max_results.is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(errors::combination(message));
    }
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let mut views = ctx
        .read(|snap| {
            let instances =
                if ids.is_empty() { instance::all(snap, &scope)? } else { get_all(snap, &scope, &ids)? };
            views(snap, &scope, instances)
        })
        .await?;
    views.retain(|view| filters.accept(&view.tags, |name| values(view, &scope, name)));
    let (views, last) = page.cut(views, |view| view.instance.id.to_string());
    Ok(api::DescribeInstancesResult {
        reservations: Some(reservations(&scope, views)),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

/// Ids as a request gives them.
///
/// # Errors
/// `InvalidInstanceID.Malformed`.
pub fn check_ids(given: &[String]) -> Result<Vec<InstanceId>> {
    given.iter().map(|text| check_id(text)).collect()
}

/// # Errors
/// `InvalidInstanceID.Malformed`.
pub fn check_id(text: &str) -> Result<InstanceId> {
    InstanceId::parse(text).ok_or_else(|| errors::instance_malformed(text))
}

/// # Errors
/// `InvalidInstanceID.NotFound`, naming all that are not there.
pub fn get_all(from: &mut impl Reader, scope: &Scope, ids: &[InstanceId]) -> Result<Vec<Instance>> {
    let (mut found, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match instance::find(from, scope, id)? {
            Some(instance) => found.push(instance),
            None => missing.push(id.to_string()),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(errors::instances_not_found(&missing)) }
}

/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Instance> {
    let found = instance::find(from, scope, id)?;
    found.ok_or_else(|| errors::instances_not_found(&[id.to_string()]))
}

/// An instance and what belongs to it.
pub fn view(from: &mut impl Reader, scope: &Scope, instance: Instance) -> Result<View> {
    // One that stayed when its instance ended may be another's by now.
    let interface = network_interface::find(from, scope, &instance.interface)?
        .filter(|interface| interface.instance() == Some(&instance.id));
    let group_names =
        interface.as_ref().map(|it| group_names(from, scope, it)).transpose()?.unwrap_or_default();
    let mut further = Vec::new();
    for other in network_interface::further_of(from, scope, &instance.id)? {
        let names = self::group_names(from, scope, &other)?;
        further.push((other, names));
    }
    let tags = tag::of(from, scope, &instance.id)?;
    let volumes = volume::of_instance(from, scope, &instance.id)?;
    let has_public_name = vpc::find(from, scope, &instance.vpc)?.is_some_and(|vpc| vpc.gives_names());
    Ok(View { instance, interface, has_public_name, group_names, further, tags, volumes })
}

/// Of the groups an interface wears, in their order.
fn group_names(from: &mut impl Reader, scope: &Scope, interface: &NetworkInterface) -> Result<Vec<String>> {
    let name = |id| Ok(security_group::find(from, scope, id)?.map(|group| group.name).unwrap_or_default());
    interface.groups.iter().map(name).collect()
}

/// Instances that were just made, and some that were made before under the same token.
pub fn find_views(from: &mut impl Reader, scope: &Scope, ids: &[InstanceId]) -> Result<Vec<View>> {
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(instance) = instance::find(from, scope, id)? {
            views.push(view(from, scope, instance)?);
        }
    }
    Ok(views)
}

/// Instances of one launch.
pub fn reservation(scope: &Scope, views: &[View]) -> api::Reservation {
    api::Reservation {
        reservation_id: views.first().map(|view| view.instance.reservation.to_string()),
        owner_id: Some(scope.account.to_string()),
        groups: Some(Vec::new()),
        instances: Some(views.iter().map(|view| show(view, scope)).collect()),
        ..api::Reservation::default()
    }
}

fn reservations(scope: &Scope, views: Vec<View>) -> Vec<api::Reservation> {
    let mut by_launch: BTreeMap<String, Vec<View>> = BTreeMap::new();
    for view in views {
        by_launch.entry(view.instance.reservation.to_string()).or_default().push(view);
    }
    by_launch.into_values().map(|views| reservation(scope, &views)).collect()
}
