//! What is asked of Elastic Load Balancing, in the service's own name: of target groups here, of classic load balancers
//! in [`super::classic`].

use api_elbv2 as elb;
use kernel::{Ctx, Kind, Result};

use super::classic;
use crate::errors;
use crate::state::group::is_classic;

/// How a target fares, as far as a group cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fares {
    Healthy,
    Unhealthy,
    /// It is being looked at.
    Initial,
    Draining,
    /// No balancer uses the target group, or it is no target of it.
    Unused,
    /// It is no target, or its group is gone.
    Absent,
}

fn targets(id: &str) -> Vec<elb::TargetDescription> {
    vec![elb::TargetDescription { id: id.to_owned(), ..Default::default() }]
}

/// Makes an instance a target; `false` where there is no such group, or the instance cannot be one of its targets.
///
/// # Errors
/// When ELB cannot answer.
pub async fn register(ctx: &Ctx, group: &str, id: &str) -> Result<bool> {
    if is_classic(group) {
        return classic::register(ctx, group, id).await;
    }
    let request = elb::RegisterTargetsInput { target_group_arn: group.to_owned(), targets: targets(id) };
    match ctx.call_as_service(elb::op::RegisterTargets, request).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => Err(error),
        Err(error) => {
            tracing::info!(target_group = group, instance = id, %error, "an instance cannot be registered");
            Ok(false)
        }
    }
}

/// Takes a target out. One that is none is fine, and so is a group that is gone.
///
/// # Errors
/// When ELB cannot answer.
pub async fn deregister(ctx: &Ctx, group: &str, id: &str) -> Result<()> {
    if is_classic(group) {
        return classic::deregister(ctx, group, id).await;
    }
    let request = elb::DeregisterTargetsInput { target_group_arn: group.to_owned(), targets: targets(id) };
    match ctx.call_as_service(elb::op::DeregisterTargets, request).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &kernel::Error) -> bool {
    matches!(error.code(), "TargetGroupNotFoundException" | "InvalidTargetException")
}

/// # Errors
/// When ELB cannot answer.
pub async fn fares(ctx: &Ctx, group: &str, id: &str) -> Result<Fares> {
    if is_classic(group) {
        return classic::fares(ctx, group, id).await;
    }
    let request = elb::DescribeTargetHealthInput {
        target_group_arn: group.to_owned(),
        targets: Some(targets(id)),
        ..Default::default()
    };
    let answer = match ctx.call_as_service(elb::op::DescribeTargetHealth, request).await {
        Ok(answer) => answer,
        Err(error) if is_gone(&error) => return Ok(Fares::Absent),
        Err(error) => return Err(error),
    };
    let found = answer.target_health_descriptions.unwrap_or_default().into_iter().next();
    let health = found.and_then(|one| one.target_health).unwrap_or_default();
    Ok(match (health.state.as_deref(), health.reason.as_deref()) {
        (Some("healthy"), _) => Fares::Healthy,
        (Some("unhealthy" | "unhealthy.draining"), _) => Fares::Unhealthy,
        (Some("draining"), _) => Fares::Draining,
        (Some("initial"), _) => Fares::Initial,
        (Some("unused"), Some("Target.NotRegistered")) | (None, _) => Fares::Absent,
        _ => Fares::Unused,
    })
}

/// Whether everything that is to send traffic is there.
///
/// # Errors
/// `ValidationError` in AWS's words.
pub async fn check(ctx: &Ctx, sources: &[String]) -> Result<()> {
    for source in sources {
        let (is_there, what) = if is_classic(source) {
            (classic::is_there(ctx, source).await?, "Load Balancers")
        } else {
            (is_there(ctx, source).await?, "Target Groups")
        };
        if !is_there {
            return Err(errors::validation(format!(
                "Provided {what} may not be valid. Please ensure they exist and try again: {source}"
            )));
        }
    }
    Ok(())
}

async fn is_there(ctx: &Ctx, group: &str) -> Result<bool> {
    let request = elb::DescribeTargetGroupsInput {
        target_group_arns: Some(vec![group.to_owned()]),
        ..Default::default()
    };
    match ctx.call_as_service(elb::op::DescribeTargetGroups, request).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => Ok(false),
        Err(error) => Err(error),
    }
}
