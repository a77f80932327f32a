//! Certificates of listeners.

use api_elbv2 as api;
use kernel::{Ctx, Result};

use super::{get_listener, nudge};
use crate::errors::{self, TooMany};
use crate::events;
use crate::rules::listener::{CERTIFICATES_MAX, is_secure};
use crate::rules::page;
use crate::state::listener::{self, Listener};

/// The default certificate that a request names, where the protocol takes one.
pub(super) async fn check(
    ctx: &Ctx,
    protocol: &str,
    given: Option<Vec<api::Certificate>>,
) -> Result<Vec<String>> {
    let given = arns(given.into_iter().flatten())?;
    match (is_secure(protocol), given.as_slice()) {
        (false, []) => Ok(given),
        (false, _) => {
            Err(errors::validation(format!("Certificates cannot be specified for {protocol} listeners")))
        }
        (true, [arn]) => check_there(ctx, arn).await.map(|()| given),
        (true, []) => Err(errors::certificate_missing()),
        (true, _) => Err(errors::validation("Exactly one default certificate must be specified")),
    }
}

/// The certificates of a request.
///
/// # Errors
/// `ValidationError`: which is the default one is not said there (API reference, Certificate).
fn arns(given: impl IntoIterator<Item = api::Certificate>) -> Result<Vec<String>> {
    let one = |one: api::Certificate| match one.is_default {
        Some(_) => Some(Err(errors::validation("IsDefault cannot be specified for a certificate"))),
        None => one.certificate_arn.map(Ok),
    };
    given.into_iter().filter_map(one).collect()
}

/// # Errors
/// `CertificateNotFound`.
async fn check_there(ctx: &Ctx, arn: &str) -> Result<()> {
    match crate::controllers::certificate::find(ctx, arn).await? {
        Some(_) => Ok(()),
        None => Err(errors::certificate_not_found(arn)),
    }
}

/// The default certificate, as listeners show it.
pub(super) fn first(one: &Listener) -> Option<Vec<api::Certificate>> {
    let default = one.certificates.first()?;
    Some(vec![api::Certificate { certificate_arn: Some(default.clone()), is_default: None }])
}

pub async fn add_listener_certificates(
    ctx: &Ctx,
    input: api::AddListenerCertificatesInput,
) -> Result<api::AddListenerCertificatesOutput> {
    let scope = *ctx.scope();
    let arns = arns(input.certificates)?;
    for arn in &arns {
        check_there(ctx, arn).await?;
    }
    let write = ctx.write(|tx| {
        let (of, mut one) = get_listener(tx, &scope, &input.listener_arn)?;
        if !is_secure(&one.protocol) {
            return Err(errors::validation(format!("{} listeners have no certificates", one.protocol)));
        }
        for arn in arns.iter().filter(|arn| !one.certificates.contains(arn)).cloned().collect::<Vec<_>>() {
            one.certificates.push(arn);
        }
        if one.certificates.len() > CERTIFICATES_MAX + 1 {
            return Err(errors::too_many(TooMany::Certificates, CERTIFICATES_MAX));
        }
        listener::put(tx, &scope, &one)?;
        events::tell_certificates(tx, &scope, &one.of)?;
        Ok(of.id)
    });
    nudge(ctx, &write.await?);
    let shown = |arn: String| api::Certificate { certificate_arn: Some(arn), is_default: Some(false) };
    Ok(api::AddListenerCertificatesOutput { certificates: Some(arns.into_iter().map(shown).collect()) })
}

pub async fn remove_listener_certificates(
    ctx: &Ctx,
    input: api::RemoveListenerCertificatesInput,
) -> Result<api::RemoveListenerCertificatesOutput> {
    let scope = *ctx.scope();
    let arns = arns(input.certificates)?;
    let write = ctx.write(|tx| {
        let (of, mut one) = get_listener(tx, &scope, &input.listener_arn)?;
        if one.certificates.first().is_some_and(|default| arns.contains(default)) {
            return Err(errors::default_certificate());
        }
        one.certificates.retain(|arn| !arns.contains(arn));
        listener::put(tx, &scope, &one)?;
        events::tell_certificates(tx, &scope, &one.of)?;
        Ok(of.id)
    });
    nudge(ctx, &write.await?);
    Ok(api::RemoveListenerCertificatesOutput::default())
}

pub async fn describe_listener_certificates(
    ctx: &Ctx,
    input: api::DescribeListenerCertificatesInput,
) -> Result<api::DescribeListenerCertificatesOutput> {
    let scope = *ctx.scope();
    let (_, one) = ctx.read(|snap| get_listener(snap, &scope, &input.listener_arn)).await?;
    let shown = |(at, arn): (usize, String)| api::Certificate {
        certificate_arn: Some(arn),
        is_default: Some(at == 0),
    };
    let all = one.certificates.into_iter().enumerate().map(shown).collect();
    let (page, next_marker) =
        page::cut(ctx, "DescribeListenerCertificates", all, (input.marker, input.page_size))?;
    Ok(api::DescribeListenerCertificatesOutput { certificates: Some(page), next_marker })
}
