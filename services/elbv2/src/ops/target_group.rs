//! Target groups: make, look at, change, delete.

use api_elbv2 as api;
use kernel::{Ctx, Result, Scope};

use super::{fresh_id, get_load_balancer, get_target_group, network, nudge_users};
use crate::errors::{self, TooMany};
use crate::rules::health_check::{self, Wish};
use crate::rules::load_balancer::check_name;
use crate::rules::{page, tag, target_group as rules};
use crate::state::load_balancer;
use crate::state::target_group::{self, TargetGroup};
use crate::state::usage::Usage;

pub async fn create_target_group(
    ctx: &Ctx,
    input: api::CreateTargetGroupInput,
) -> Result<api::CreateTargetGroupOutput> {
    check_name(&input.name, "Target group")?;
    let target_type = rules::check_target_type(input.target_type.as_deref())?;
    let protocol = rules::check_protocol(input.protocol)?;
    let protocol_version = rules::check_version(&protocol, input.protocol_version)?;
    let port = rules::check_port(input.port)?;
    let address_type = rules::check_address_type(input.ip_address_type.as_deref())?;
    let vpc = input.vpc_id.ok_or_else(|| errors::validation("A VPC ID must be specified"))?;
    network::check_vpc(ctx, &vpc).await?;
    let mut check = health_check::usual(&protocol, protocol_version.as_deref());
    let wish = Wish {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_s: input.health_check_interval_seconds,
        timeout_s: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    let http = matches!(&*protocol, "HTTP" | "HTTPS");
    health_check::apply(&mut check, wish, http, protocol_version.as_deref())?;
    let new = TargetGroup {
        id: fresh_id(ctx),
        name: input.name,
        protocol,
        protocol_version,
        port,
        vpc,
        target_type,
        address_type,
        check,
        created_at: ctx.now(),
        attributes: Default::default(),
        tags: tag::check(input.tags)?,
    };
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let all = target_group::all(tx, &scope)?;
        if let Some(same) = all.iter().find(|one| one.name == new.name) {
            let (id, created_at, attributes) = (new.id.clone(), new.created_at, new.attributes.clone());
            let like = TargetGroup { id, created_at, attributes, ..same.clone() };
            return if like == new {
                Ok(same.clone())
            } else {
                Err(errors::target_group_name_taken(&new.name))
            };
        }
        if all.len() >= rules::TARGET_GROUPS_MAX {
            return Err(errors::too_many(TooMany::TargetGroups, rules::TARGET_GROUPS_MAX));
        }
        target_group::put(tx, &scope, &new)?;
        Ok(new.clone())
    });
    let made = write.await?;
    Ok(api::CreateTargetGroupOutput { target_groups: Some(vec![shown(&scope, &made, Vec::new())]) })
}

/// As AWS shows it.
fn shown(scope: &Scope, one: &TargetGroup, users: Vec<String>) -> api::TargetGroup {
    let is_grpc = one.protocol_version.as_deref() == Some("GRPC");
    let matcher = one.check.matcher.clone().map(|codes| match is_grpc {
        true => api::Matcher { grpc_code: Some(codes), http_code: None },
        false => api::Matcher { http_code: Some(codes), grpc_code: None },
    });
    api::TargetGroup {
        target_group_arn: Some(one.arn(scope)),
        target_group_name: Some(one.name.clone()),
        protocol: Some(one.protocol.clone()),
        port: Some(one.port),
        vpc_id: Some(one.vpc.clone()),
        health_check_protocol: Some(one.check.protocol.clone()),
        health_check_port: Some(one.check.port.clone()),
        health_check_enabled: Some(one.check.enabled),
        health_check_interval_seconds: Some(one.check.interval_s),
        health_check_timeout_seconds: Some(one.check.timeout_s),
        healthy_threshold_count: Some(one.check.healthy),
        unhealthy_threshold_count: Some(one.check.unhealthy),
        health_check_path: one.check.path.clone(),
        matcher,
        load_balancer_arns: Some(users),
        target_type: Some(one.target_type.word().to_owned()),
        protocol_version: one.protocol_version.clone(),
        ip_address_type: Some(one.address_type.word().to_owned()),
        ..Default::default()
    }
}

pub async fn describe_target_groups(
    ctx: &Ctx,
    input: api::DescribeTargetGroupsInput,
) -> Result<api::DescribeTargetGroupsOutput> {
    let scope = *ctx.scope();
    let arns = input.target_group_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let ways = [input.load_balancer_arn.is_some(), !arns.is_empty(), !names.is_empty()];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        return Err(errors::validation("Specify either load balancer, target group ARNs or names"));
    }
    let read = ctx.read(|snap| {
        let usage = Usage::read(snap, &scope)?;
        let mut found = if arns.is_empty() {
            target_group::all(snap, &scope)?
        } else {
            arns.iter().map(|arn| get_target_group(snap, &scope, arn)).collect::<Result<Vec<_>>>()?
        };
        if let Some(arn) = &input.load_balancer_arn {
            let of = get_load_balancer(snap, &scope, arn)?;
            found.retain(|one| usage.of(&one.id).any(|user| user == of.id));
        }
        if !names.is_empty() {
            found.retain(|one| names.contains(&one.name));
            if found.len() < names.len() {
                return Err(errors::target_groups_not_found());
            }
        }
        let mut shown_all = Vec::with_capacity(found.len());
        for one in found {
            let mut users = Vec::new();
            for user in usage.of(&one.id) {
                users.extend(load_balancer::find(snap, &scope, user)?.map(|user| user.arn(&scope)));
            }
            shown_all.push(shown(&scope, &one, users));
        }
        Ok(shown_all)
    });
    let (page, next_marker) =
        page::cut(ctx, "DescribeTargetGroups", read.await?, (input.marker, input.page_size))?;
    Ok(api::DescribeTargetGroupsOutput { target_groups: Some(page), next_marker })
}

pub async fn modify_target_group(
    ctx: &Ctx,
    input: api::ModifyTargetGroupInput,
) -> Result<api::ModifyTargetGroupOutput> {
    let scope = *ctx.scope();
    let arn = input.target_group_arn;
    let wish = Wish {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_s: input.health_check_interval_seconds,
        timeout_s: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    let write = ctx.write(|tx| {
        let mut one = get_target_group(tx, &scope, &arn)?;
        let (http, version) = (one.is_http(), one.protocol_version.clone());
        health_check::apply(&mut one.check, wish.clone(), http, version.as_deref())?;
        target_group::put(tx, &scope, &one)?;
        let mut users = Vec::new();
        for user in Usage::read(tx, &scope)?.of(&one.id) {
            users.extend(load_balancer::find(tx, &scope, user)?.map(|user| user.arn(&scope)));
        }
        Ok((one, users))
    });
    let (one, users) = write.await?;
    nudge_users(ctx, &one.id).await?;
    Ok(api::ModifyTargetGroupOutput { target_groups: Some(vec![shown(&scope, &one, users)]) })
}

pub async fn delete_target_group(
    ctx: &Ctx,
    input: api::DeleteTargetGroupInput,
) -> Result<api::DeleteTargetGroupOutput> {
    let scope = *ctx.scope();
    let arn = input.target_group_arn;
    ctx.write(|tx| {
        let found = match get_target_group(tx, &scope, &arn) {
            Ok(found) => found,
            // Once more is no error.
            Err(error) if error.query_code() == "TargetGroupNotFound" => return Ok(()),
            Err(error) => return Err(error),
        };
        if Usage::read(tx, &scope)?.is_used(&found.id) {
            return Err(errors::target_group_in_use(&arn));
        }
        target_group::delete(tx, &scope, &found.id)
    })
    .await?;
    Ok(api::DeleteTargetGroupOutput::default())
}
