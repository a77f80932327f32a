//! Listeners of load balancers.

use api_elb as api;
use kernel::{Ctx, Result};

use super::change;
use crate::controllers::certificate;
use crate::rules::listener::{self as rules, is_secure};
use crate::rules::policy;
use crate::{errors, events};

pub async fn create_load_balancer_listeners(
    ctx: &Ctx,
    input: api::CreateLoadBalancerListenerInput,
) -> Result<api::CreateLoadBalancerListenerOutput> {
    let scope = *ctx.scope();
    super::health::check_there(ctx, &input.load_balancer_name).await?;
    let new = input.listeners.into_iter().map(rules::check).collect::<Result<Vec<_>>>()?;
    for arn in new.iter().filter_map(|one| one.certificate.as_deref()) {
        certificate::check_there(ctx, arn).await?;
    }
    change(ctx, &input.load_balancer_name, |tx, one| {
        rules::add(&mut one.listeners, &new, &one.name)?;
        policy::add_usual(one);
        events::tell_certificates(tx, &scope, one)
    })
    .await?;
    Ok(api::CreateLoadBalancerListenerOutput::default())
}

/// Those that are not there are no error.
pub async fn delete_load_balancer_listeners(
    ctx: &Ctx,
    input: api::DeleteLoadBalancerListenerInput,
) -> Result<api::DeleteLoadBalancerListenerOutput> {
    let scope = *ctx.scope();
    change(ctx, &input.load_balancer_name, |tx, one| {
        one.listeners.retain(|listener| !input.load_balancer_ports.contains(&listener.port));
        events::tell_certificates(tx, &scope, one)
    })
    .await?;
    Ok(api::DeleteLoadBalancerListenerOutput::default())
}

pub async fn set_load_balancer_listener_ssl_certificate(
    ctx: &Ctx,
    input: api::SetLoadBalancerListenerSSLCertificateInput,
) -> Result<api::SetLoadBalancerListenerSSLCertificateOutput> {
    let (scope, port) = (*ctx.scope(), input.load_balancer_port);
    super::health::check_there(ctx, &input.load_balancer_name).await?;
    certificate::check_there(ctx, &input.ssl_certificate_id).await?;
    change(ctx, &input.load_balancer_name, |tx, one| {
        let found = one.listeners.iter_mut().find(|listener| listener.port == port);
        let listener = found.ok_or_else(|| errors::listener_not_found(port, &one.name))?;
        if !is_secure(&listener.protocol) {
            return Err(errors::configuration(format!(
                "A listener whose protocol is {} has no certificate",
                listener.protocol
            )));
        }
        listener.certificate = Some(input.ssl_certificate_id.clone());
        events::tell_certificates(tx, &scope, one)
    })
    .await?;
    Ok(api::SetLoadBalancerListenerSSLCertificateOutput::default())
}
