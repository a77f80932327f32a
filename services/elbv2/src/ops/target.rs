//! Targets: registered, and taken out again.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api_elbv2 as api;
use ipnet::IpNet;
use kernel::{Ctx, Result};

use super::network::{self, Instance};
use super::{get_target_group, nudge_users};
use crate::errors::{self, TooMany};
use crate::rules::target_group::{TARGETS_MAX, check_port};
use crate::state::target::{self, Target};
use crate::state::target_group::{TargetGroup, TargetType};
use crate::state::usage::Usage;

/// Addresses that targets may have outside of their VPC (API reference, TargetDescription).
const OUTSIDE: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];

pub async fn register_targets(
    ctx: &Ctx,
    input: api::RegisterTargetsInput,
) -> Result<api::RegisterTargetsOutput> {
    let scope = *ctx.scope();
    let arn = input.target_group_arn;
    let group = ctx.read(|snap| get_target_group(snap, &scope, &arn)).await?;
    if input.targets.is_empty() {
        return Err(errors::validation("At least one target must be specified"));
    }
    let new = match group.target_type {
        TargetType::Instance => of_instances(ctx, &group, input.targets).await?,
        TargetType::Ip => of_addresses(ctx, &group, input.targets).await?,
    };
    ctx.write(|tx| {
        get_target_group(tx, &scope, &arn)?;
        let known = target::all(tx, &scope, &group.id)?;
        let mut keys: BTreeSet<String> = known.iter().map(Target::key).collect();
        for one in &new {
            keys.insert(one.key());
            let same = known.iter().find(|old| old.key() == one.key() && old.draining_since.is_none());
            if same.is_none() {
                target::put(tx, &scope, &group.id, one)?;
            }
        }
        if keys.len() > TARGETS_MAX {
            return Err(errors::too_many(TooMany::Targets, TARGETS_MAX));
        }
        Ok(())
    })
    .await?;
    nudge_users(ctx, &group.id).await?;
    Ok(api::RegisterTargetsOutput::default())
}

fn port_of(group: &TargetGroup, given: Option<i32>) -> Result<i32> {
    given.map_or(Ok(group.port), |port| check_port(Some(port)))
}

async fn of_instances(
    ctx: &Ctx,
    group: &TargetGroup,
    given: Vec<api::TargetDescription>,
) -> Result<Vec<Target>> {
    let ids: BTreeSet<String> = given.iter().map(|one| one.id.clone()).collect();
    if let Some(bad) = ids.iter().find(|id| !id.starts_with("i-")) {
        return Err(errors::validation(format!("Instance ID '{bad}' is not valid")));
    }
    let found = network::instances(ctx, ids.into_iter().collect()).await?;
    let mut targets = Vec::new();
    for one in given {
        let Some(instance) = found.iter().find(|known| known.id == one.id) else {
            let message = format!("The following targets are not valid instance IDs: '{}'", one.id);
            return Err(errors::invalid_target(message));
        };
        let Instance { vpc, zone, state, .. } = instance;
        if *vpc != group.vpc {
            let message = format!(
                "The following targets are not in the target group VPC '{}': '{}'",
                group.vpc, one.id
            );
            return Err(errors::invalid_target(message));
        }
        if !matches!(&**state, "running" | "pending") {
            let message = format!(
                "The following targets are not in a running state and cannot be registered: '{}'",
                one.id
            );
            return Err(errors::invalid_target(message));
        }
        if let Some(other) = one.availability_zone.filter(|given| given != zone) {
            let message = format!("The target '{}' is not in Availability Zone '{other}'", one.id);
            return Err(errors::validation(message));
        }
        targets.push(Target {
            id: one.id,
            port: port_of(group, one.port)?,
            address: reached_at(group, instance)?,
            zone: Some(zone.clone()),
            registered_at: ctx.now(),
            draining_since: None,
            out_of_service: None,
        });
    }
    Ok(targets)
}

/// Where the group reaches an instance.
fn reached_at(group: &TargetGroup, instance: &Instance) -> Result<IpAddr> {
    if !group.address_type.has_six() {
        return Ok(instance.private_ip.into());
    }
    let six = instance.ipv6.map(IpAddr::from);
    six.ok_or_else(|| {
        let message = format!("The following targets do not have an IPv6 address: '{}'", instance.id);
        errors::invalid_target(message)
    })
}

/// An address of the family that the group's targets are of.
fn address_of(group: &TargetGroup, id: &str) -> Result<IpAddr> {
    let (has_six, family) = if group.address_type.has_six() { (true, "IPv6") } else { (false, "IPv4") };
    let address = id.parse().ok().filter(|address: &IpAddr| address.is_ipv6() == has_six);
    address
        .ok_or_else(|| errors::validation(format!("The IP address '{id}' is not a valid {family} address")))
}

async fn of_addresses(
    ctx: &Ctx,
    group: &TargetGroup,
    given: Vec<api::TargetDescription>,
) -> Result<Vec<Target>> {
    let ranges = network::zones_of(ctx, &group.vpc).await?;
    let mut targets = Vec::new();
    for one in given {
        let address = address_of(group, &one.id)?;
        let inside = ranges.iter().find(|(range, _)| range.contains(&address)).map(|(_, zone)| zone.clone());
        let private =
            || OUTSIDE.iter().filter_map(|range| range.parse::<IpNet>().ok()).any(|r| r.contains(&address));
        let zone = match (inside, one.availability_zone.as_deref()) {
            (Some(zone), None) => Some(zone),
            (Some(zone), Some(given)) if given == zone => Some(zone),
            (Some(_), Some(other)) => {
                let message = format!("The IP address '{address}' is not in Availability Zone '{other}'");
                return Err(errors::validation(message));
            }
            (None, Some("all")) if private() => None,
            (None, _) if private() => {
                let message = format!(
                    "You must specify an Availability Zone or 'all' for the IP address '{address}', which is outside of the target group VPC"
                );
                return Err(errors::validation(message));
            }
            (None, _) => {
                let message =
                    format!("The IP address '{address}' is not within a range that targets may have");
                return Err(errors::validation(message));
            }
        };
        targets.push(Target {
            id: one.id,
            port: port_of(group, one.port)?,
            address,
            zone,
            registered_at: ctx.now(),
            draining_since: None,
            out_of_service: None,
        });
    }
    Ok(targets)
}

pub async fn deregister_targets(
    ctx: &Ctx,
    input: api::DeregisterTargetsInput,
) -> Result<api::DeregisterTargetsOutput> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let arn = input.target_group_arn;
    let write = ctx.write(|tx| {
        let group = get_target_group(tx, &scope, &arn)?;
        let is_used = Usage::read(tx, &scope)?.is_used(&group.id);
        let waits = is_used && group.attribute("deregistration_delay.timeout_seconds") != "0";
        let known = target::all(tx, &scope, &group.id)?;
        for wanted in &input.targets {
            // Without a port, every port of it.
            let means =
                |one: &&Target| one.id == wanted.id && wanted.port.is_none_or(|port| port == one.port);
            for one in known.iter().filter(means) {
                if !waits {
                    target::delete(tx, &scope, &group.id, one)?;
                } else if one.draining_since.is_none() {
                    let draining = Target { draining_since: Some(now), ..one.clone() };
                    target::put(tx, &scope, &group.id, &draining)?;
                }
            }
        }
        Ok(group.id)
    });
    let id = write.await?;
    nudge_users(ctx, &id).await?;
    Ok(api::DeregisterTargetsOutput::default())
}
