//! Dedicated hosts: processors and memory of the machine below that are one account's alone.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::tx::Reader;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};
use shape::Timestamp;

use super::books;
use super::page::Listing;
use super::placement::{held, on_host, total_cores};
use crate::controllers::instance::nudge_all;
use crate::errors;
use crate::rules::capacity::{Overcommit, limit};
use crate::rules::host::{self as rules, Suits, fitting};
use crate::rules::instance_type;
use crate::rules::tag::{of_one, shown};
use crate::rules::{image, placement, region};
use crate::service::Engines;
use crate::state::host::{self as state, Host, SetApart};
use crate::state::id::{HostId, Id};
use crate::state::instance::Instance;
use crate::state::tag::{self, Tags};

const OPERATION: &str = "AllocateHosts";
/// Hosts of one call.
const QUANTITY_MAX: i32 = 100;
/// Hosts of one family in a region (EC2 user guide, "Dedicated Hosts restrictions").
const OF_FAMILY_MAX: usize = 2;
/// A released host stays visible for so long.
const VISIBLE_MS: i64 = 3_600_000;
const FILTERS: &[&str] =
    &["auto-placement", "availability-zone", "client-token", "host-reservation-id", "instance-type", "state"];

pub fn access(scope: &Scope, ids: &[String]) -> Result<Access> {
    Ok(Access::on_all(ids.iter().map(|id| scope.arn("ec2", format_args!("dedicated-host/{id}")))))
}

pub async fn allocate_hosts(ctx: &Ctx, input: api::AllocateHostsRequest) -> Result<api::AllocateHostsResult> {
    let print = fingerprint(&input);
    let scope = *ctx.scope();
    let suits = check_suits(input.instance_type, input.instance_family)?;
    let zone = check_zone(&scope, input.availability_zone, input.availability_zone_id)?;
    let auto_placement = check_auto_placement(input.auto_placement.as_deref())?.unwrap_or(false);
    check_alone(input.host_recovery.as_deref(), input.host_maintenance.as_deref())?;
    let quantity = input.quantity.unwrap_or(1);
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        return Err(errors::host_quantity(quantity));
    }
    let tags = of_one::<HostId>(input.tag_specifications)?;
    let token = input.client_token.filter(|token| !token.is_empty());
    let vcpus = suits.size().map_or(1, |size| size.vcpus);
    let total = total_cores(ctx);
    let memory = ctx.own::<Engines>().machines.capabilities().memory_bytes;
    let memory = limit(*ctx.own::<Overcommit>(), memory) * u64::from(vcpus) / u64::from(total.max(1));
    let account = super::capacity::account(ctx).await?;
    let wanted = memory * u64::try_from(quantity).unwrap_or(1);
    let has_room = account.promised() + wanted <= account.limit;
    let ids = ctx
        .write(|tx| {
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(made) => return Ok(made.split(' ').map(str::to_owned).collect()),
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            let family = suits.family();
            let alike = state::all(tx, &scope)?.into_iter();
            let alike = alike.filter(|one| one.released_at.is_none() && one.suits.family() == family);
            if alike.count() + usize::try_from(quantity).unwrap_or(1) > OF_FAMILY_MAX {
                return Err(errors::host_limit(family, OF_FAMILY_MAX));
            }
            // A repetition has its hosts already, and needs no more room.
            if !has_room {
                return Err(errors::no_cores(vcpus));
            }
            let mut ids = Vec::new();
            for _ in 0..quantity {
                let id = HostId::fresh(tx.ctx().ids());
                let apart = state::set_apart(tx)?;
                let cores = rules::choose(id.as_str(), vcpus, total, &apart);
                let cores = cores.ok_or_else(|| errors::no_cores(vcpus))?;
                state::put_cores(tx, &SetApart { owner: id.to_string(), cores: cores.clone() })?;
                let host = Host {
                    id,
                    zone: zone.clone(),
                    suits: suits.clone(),
                    auto_placement,
                    client_token: token.clone(),
                    cores,
                    memory_bytes: memory,
                    allocated_at: tx.ctx().now(),
                    released_at: None,
                };
                state::put(tx, &scope, &host)?;
                tag::put(tx, &scope, &host.id, tags.clone())?;
                ids.push(host.id.to_string());
            }
            if let Some(token) = &token {
                tx.remember_token(OPERATION, token, &print, &ids.join(" "))?;
            }
            Ok(ids)
        })
        .await?;
    // Everybody else leaves those processors.
    nudge_all(ctx).await?;
    Ok(api::AllocateHostsResult { host_ids: Some(ids) })
}

fn check_suits(name: Option<String>, family: Option<String>) -> Result<Suits> {
    let suits = match (name, family) {
        (Some(name), None) => Suits::Type(name),
        (None, Some(family)) => Suits::Family(family),
        _ => return Err(errors::combination("Specify either an instance type or an instance family.")),
    };
    match suits.size() {
        Some(size) if size.architecture == image::architecture() => Ok(suits),
        Some(size) => Err(errors::architecture_mismatch(size.name, size.architecture, image::architecture())),
        None => Err(errors::instance_type_unknown(match &suits {
            Suits::Type(name) | Suits::Family(name) => name,
        })),
    }
}

fn check_zone(scope: &Scope, name: Option<String>, id: Option<String>) -> Result<String> {
    let zones = region::zones(scope.region.as_str());
    let wanted = name.or(id).ok_or_else(|| errors::missing("AvailabilityZone"))?;
    let found = zones.into_iter().find(|zone| zone.name == wanted || zone.id == wanted);
    found.map(|zone| zone.name).ok_or_else(|| errors::invalid_value(wanted, "availabilityZone"))
}

fn check_switch(given: Option<&str>, refusal: impl FnOnce(&str) -> Error) -> Result<Option<bool>> {
    match given {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(other) => Err(refusal(other)),
    }
}

fn check_auto_placement(given: Option<&str>) -> Result<Option<bool>> {
    check_switch(given, errors::auto_placement_invalid)
}

/// # Errors
/// For what wants a second host.
fn check_alone(recovery: Option<&str>, maintenance: Option<&str>) -> Result<()> {
    for (given, what) in [(recovery, "hostRecovery"), (maintenance, "hostMaintenance")] {
        if check_switch(given, |other| errors::invalid_value(other, what))? == Some(true) {
            return Err(errors::host_configuration(what));
        }
    }
    Ok(())
}

fn unsuccessful(id: &str, code: &str, message: String) -> api::UnsuccessfulItem {
    api::UnsuccessfulItem {
        resource_id: Some(id.to_owned()),
        error: Some(api::UnsuccessfulItemError { code: Some(code.to_owned()), message: Some(message) }),
    }
}

/// Each on its own: one that cannot be released does not keep the others.
pub async fn release_hosts(ctx: &Ctx, input: api::ReleaseHostsRequest) -> Result<api::ReleaseHostsResult> {
    let scope = *ctx.scope();
    let (done, failed) = each(ctx, &input.host_ids, |tx, mut host| {
        if !on_host(tx, &scope, &host.id)?.is_empty() {
            let message = format!("The host '{}' still has instances.", host.id);
            return Ok(Err(unsuccessful(host.id.as_str(), "Client.InvalidHost.Occupied", message)));
        }
        host.released_at = Some(tx.ctx().now());
        tx.meter(&rules::usage(&host, tx.ctx().now()))?;
        state::put_cores(tx, &SetApart { owner: host.id.to_string(), cores: Vec::new() })?;
        Ok(Ok(host))
    })
    .await?;
    nudge_all(ctx).await?;
    Ok(api::ReleaseHostsResult { successful: Some(done), unsuccessful: Some(failed) })
}

pub async fn modify_hosts(ctx: &Ctx, input: api::ModifyHostsRequest) -> Result<api::ModifyHostsResult> {
    let auto_placement = check_auto_placement(input.auto_placement.as_deref())?;
    check_alone(input.host_recovery.as_deref(), input.host_maintenance.as_deref())?;
    let (done, failed) = each(ctx, &input.host_ids, |_, mut host| {
        host.auto_placement = auto_placement.unwrap_or(host.auto_placement);
        Ok(Ok(host))
    })
    .await?;
    Ok(api::ModifyHostsResult { successful: Some(done), unsuccessful: Some(failed) })
}

type Outcome = (Vec<String>, Vec<api::UnsuccessfulItem>);

async fn each(
    ctx: &Ctx,
    ids: &[String],
    change: impl Fn(&mut Tx<'_, '_>, Host) -> Result<Result<Host, api::UnsuccessfulItem>> + Send + Sync,
) -> Result<Outcome> {
    if ids.is_empty() {
        return Err(errors::missing("HostId"));
    }
    let ids: Vec<HostId> = ids.iter().map(|id| placement::check_host_id(id)).collect::<Result<_>>()?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for id in &ids {
            match state::find(tx, &scope, id)?.filter(|host| host.released_at.is_none()) {
                None => {
                    let message = format!("The host ID '{id}' does not exist");
                    failed.push(unsuccessful(id.as_str(), "Client.InvalidHostID.NotFound", message));
                }
                Some(host) => match change(tx, host)? {
                    Ok(host) => {
                        state::put(tx, &scope, &host)?;
                        done.push(host.id.to_string());
                    }
                    Err(item) => failed.push(item),
                },
            }
        }
        Ok((done, failed))
    })
    .await
}

pub async fn describe_hosts(ctx: &Ctx, input: api::DescribeHostsRequest) -> Result<api::DescribeHostsResult> {
    input.host_ids.iter().flatten().try_for_each(|id| placement::check_host_id(id).map(drop))?;
    let (filters, page) = ((input.filter, FILTERS), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeHosts", input.host_ids, filters, page)?;
    let scope = *ctx.scope();
    let (hosts, tags) = ctx
        .read(|snap| {
            let hosts = state::all(snap, &scope)?;
            let views = hosts.into_iter().map(|host| view(snap, &scope, host)).collect::<Result<Vec<_>>>()?;
            Ok((views, tag::of_all::<HostId>(snap, &scope)?))
        })
        .await?;
    let missing = errors::host_not_found;
    let (hosts, next_token) = listing.cut(
        ctx,
        hosts,
        &tags,
        |view| view.host.id.as_str(),
        |view, name| values(&view.host, name),
        missing,
    )?;
    let shown = hosts.iter().map(|view| show(view, &scope, tags.get(view.host.id.as_str()))).collect();
    Ok(api::DescribeHostsResult { hosts: Some(shown), next_token })
}

struct View {
    host: Host,
    held: u64,
    instances: Vec<Instance>,
}

fn view(from: &mut impl Reader, scope: &Scope, host: Host) -> Result<View> {
    let (held, instances) = (held(from, scope, &host.id)?, on_host(from, scope, &host.id)?);
    Ok(View { host, held, instances })
}

fn state_of(host: &Host) -> &'static str {
    if host.released_at.is_some() { "released" } else { "available" }
}

fn values(host: &Host, name: &str) -> Vec<String> {
    let switch = if host.auto_placement { "on" } else { "off" };
    vec![match (name, &host.suits) {
        ("auto-placement", _) => switch.to_owned(),
        ("availability-zone", _) => host.zone.clone(),
        ("client-token", _) => return host.client_token.clone().into_iter().collect(),
        ("instance-type", Suits::Type(name)) => name.clone(),
        ("state", _) => state_of(host).to_owned(),
        _ => return Vec::new(),
    }]
}

fn show(view: &View, scope: &Scope, tags: Option<&Tags>) -> api::Host {
    let host = &view.host;
    let cores = i32::try_from(host.cores.len()).ok();
    let (name, family) = match &host.suits {
        Suits::Type(name) => (Some(name.clone()), None),
        Suits::Family(family) => (None, Some(family.clone())),
    };
    let sizes = instance_type::all().iter().filter(|size| host.suits.fits(size));
    let capacity = sizes.filter(|size| fitting(host, size, 0) > 0).map(|size| api::InstanceCapacity {
        instance_type: Some(size.name.to_owned()),
        available_capacity: i32::try_from(fitting(host, size, view.held)).ok(),
        total_capacity: i32::try_from(fitting(host, size, 0)).ok(),
    });
    let instance = |one: &Instance| api::HostInstance {
        instance_id: Some(one.id.to_string()),
        instance_type: Some(one.instance_type.clone()),
        owner_id: Some(scope.account.to_string()),
    };
    let text = |text: &str| Some(text.to_owned());
    api::Host {
        host_id: Some(host.id.to_string()),
        owner_id: Some(scope.account.to_string()),
        availability_zone: Some(host.zone.clone()),
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &host.zone)),
        auto_placement: text(if host.auto_placement { "on" } else { "off" }),
        host_recovery: text("off"),
        host_maintenance: text("off"),
        allows_multiple_instance_types: text(if family.is_some() { "on" } else { "off" }),
        client_token: host.client_token.clone(),
        host_properties: Some(api::HostProperties {
            cores,
            total_v_cpus: cores,
            sockets: Some(1),
            instance_type: name,
            instance_family: family,
        }),
        available_capacity: Some(api::AvailableCapacity {
            available_v_cpus: cores,
            available_instance_capacity: Some(capacity.collect()),
        }),
        instances: Some(view.instances.iter().map(instance).collect()),
        state: text(state_of(host)),
        allocation_time: Some(Timestamp::from_millis(host.allocated_at)),
        release_time: host.released_at.map(Timestamp::from_millis),
        tags: tags.and_then(shown),
        ..Default::default()
    }
}

/// Brings usage lines up to date, and forgets hosts released long ago.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let (now, all) = (ctx.now(), ctx.read(|snap| state::all_scopes(snap)).await?);
    books::keep(ctx, all, |tx, scope, one| match state::find(tx, scope, &one.id)? {
        Some(host) if host.released_at.is_some_and(|at| at + VISIBLE_MS < now) => {
            state::delete(tx, scope, &host.id)
        }
        Some(host) if host.released_at.is_none() => tx.meter(&rules::usage(&host, now)),
        _ => Ok(()),
    })
    .await
}
