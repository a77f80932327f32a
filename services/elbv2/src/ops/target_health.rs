//! How targets fare.

use std::collections::BTreeMap;

use api_elbv2 as api;
use balance::{Health, MemberId};
use kernel::{Ctx, Result};

use super::get_target_group;
use crate::rules::health;
use crate::service::Engines;
use crate::state::target::{self, Target};
use crate::state::usage::Usage;

pub async fn describe_target_health(
    ctx: &Ctx,
    input: api::DescribeTargetHealthInput,
) -> Result<api::DescribeTargetHealthOutput> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let group = get_target_group(snap, &scope, &input.target_group_arn)?;
        let users: Vec<String> = Usage::read(snap, &scope)?.of(&group.id).map(str::to_owned).collect();
        Ok((target::all(snap, &scope, &group.id)?, group, users))
    });
    let (targets, group, users) = read.await?;
    let fronts = &ctx.own::<Engines>().fronts;
    let pool = group.id.as_str().into();
    let mut found: BTreeMap<MemberId, Health> = BTreeMap::new();
    for user in &users {
        for (id, health) in fronts.health(&user.as_str().into(), &pool).unwrap_or_default() {
            // Well for one is well.
            if found.get(&id) != Some(&Health::Healthy) {
                found.insert(id, health);
            }
        }
    }
    let check_port = |port: i32| match group.check.port.parse::<i32>() {
        Ok(own) => own.to_string(),
        Err(_) => port.to_string(),
    };
    let describe = |target: &Target| api::TargetHealthDescription {
        target: Some(api::TargetDescription {
            id: target.id.clone(),
            port: Some(target.port),
            availability_zone: match group.target_type {
                crate::state::target_group::TargetType::Ip => {
                    Some(target.zone.clone().unwrap_or_else(|| "all".to_owned()))
                }
                crate::state::target_group::TargetType::Instance => None,
            },
            ..Default::default()
        }),
        health_check_port: Some(check_port(target.port)),
        target_health: Some(health::of(target, !users.is_empty(), found.get(&target.key().as_str().into()))),
        ..Default::default()
    };
    let descriptions = match input.targets.filter(|wanted| !wanted.is_empty()) {
        None => targets.iter().map(describe).collect(),
        Some(wanted) => {
            let mut descriptions = Vec::new();
            for one in wanted {
                let port = one.port.unwrap_or(group.port);
                let known = targets.iter().find(|target| target.id == one.id && target.port == port);
                descriptions.push(known.map_or_else(
                    || api::TargetHealthDescription {
                        target: Some(api::TargetDescription {
                            id: one.id.clone(),
                            port: Some(port),
                            ..Default::default()
                        }),
                        health_check_port: Some(check_port(port)),
                        target_health: Some(health::unregistered()),
                        ..Default::default()
                    },
                    describe,
                ));
            }
            descriptions
        }
    };
    Ok(api::DescribeTargetHealthOutput { target_health_descriptions: Some(descriptions) })
}
