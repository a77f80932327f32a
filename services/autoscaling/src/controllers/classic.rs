//! What is asked of classic load balancers, by their names, in the service's own name.

use api_elb as elb;
use kernel::{Ctx, Error, Kind, Result};

use super::target::Fares;

fn instances(id: &str) -> Vec<elb::Instance> {
    vec![elb::Instance { instance_id: Some(id.to_owned()) }]
}

/// As [`super::target::register`].
///
/// # Errors
/// When ELB cannot answer.
pub async fn register(ctx: &Ctx, balancer: &str, id: &str) -> Result<bool> {
    let request =
        elb::RegisterEndPointsInput { load_balancer_name: balancer.to_owned(), instances: instances(id) };
    match ctx.call_as_service(elb::op::RegisterInstancesWithLoadBalancer, request).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => Err(error),
        Err(error) => {
            tracing::info!(load_balancer = balancer, instance = id, %error, "an instance cannot be registered");
            Ok(false)
        }
    }
}

/// As [`super::target::deregister`].
///
/// # Errors
/// When ELB cannot answer.
pub async fn deregister(ctx: &Ctx, balancer: &str, id: &str) -> Result<()> {
    let request =
        elb::DeregisterEndPointsInput { load_balancer_name: balancer.to_owned(), instances: instances(id) };
    match ctx.call_as_service(elb::op::DeregisterInstancesFromLoadBalancer, request).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(error.query_code(), "LoadBalancerNotFound" | "InvalidInstance")
}

/// # Errors
/// When ELB cannot answer.
pub async fn fares(ctx: &Ctx, balancer: &str, id: &str) -> Result<Fares> {
    let request = elb::DescribeEndPointStateInput {
        load_balancer_name: balancer.to_owned(),
        instances: Some(instances(id)),
    };
    let answer = match ctx.call_as_service(elb::op::DescribeInstanceHealth, request).await {
        Ok(answer) => answer,
        Err(error) if is_gone(&error) => return Ok(Fares::Absent),
        Err(error) => return Err(error),
    };
    let found = answer.instance_states.unwrap_or_default().into_iter().next().unwrap_or_default();
    Ok(match (found.state.as_deref(), found.reason_code.as_deref()) {
        (Some("InService"), Some("ELB")) => Fares::Draining,
        (Some("InService"), _) => Fares::Healthy,
        (Some("OutOfService"), Some("Instance")) => Fares::Unhealthy,
        (Some(_), _) => Fares::Initial,
        (None, _) => Fares::Absent,
    })
}

/// # Errors
/// When ELB cannot answer.
pub async fn is_there(ctx: &Ctx, balancer: &str) -> Result<bool> {
    let request = elb::DescribeAccessPointsInput {
        load_balancer_names: Some(vec![balancer.to_owned()]),
        ..Default::default()
    };
    match ctx.call_as_service(elb::op::DescribeLoadBalancers, request).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid | Kind::Unsupported) => Ok(false),
        Err(error) => Err(error),
    }
}
