//! Certificates: imported, asked for, deleted, and handed to who serves them.

use std::sync::Arc;

use api_acm as api;
use bytes::Bytes;
use kernel::{Arn, Ctx, Issuer, KeyedCertificate, Millis, Result};

use super::get;
use crate::errors;
use crate::rules::{certificate as rules, domain, tag};
use crate::state::certificate::{self, Certificate, Tags};
use crate::state::in_use;
use crate::state::seal;

/// Certificates of one account and region (user guide, "Quotas").
const CERTIFICATES_MAX: usize = 2_500;
/// How long issued ones last: 395 days, as AWS's do.
const LIFE_MS: Millis = 395 * 86_400_000;

/// The authority the binary plugged in.
pub struct Authority(pub Arc<dyn Issuer>);

fn text(bytes: &Bytes, what: &str) -> Result<String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| errors::validation(format!("The {what} is not valid PEM.")))
}

fn fresh_arn(ctx: &Ctx) -> String {
    ctx.scope().arn("acm", format_args!("certificate/{}", ctx.ids().uuid()))
}

pub async fn import_certificate(
    ctx: &Ctx,
    input: api::ImportCertificateRequest,
) -> Result<api::ImportCertificateResponse> {
    let (body, key) = (text(&input.certificate, "certificate")?, text(&input.private_key, "private key")?);
    let chain = input.certificate_chain.as_ref().map(|chain| text(chain, "certificate chain")).transpose()?;
    let facts = rules::read(&body, &key, chain.as_deref())?;
    let mut tags = Tags::new();
    tag::add(&mut tags, input.tags)?;
    if input.certificate_arn.is_some() && !tags.is_empty() {
        return Err(errors::invalid("Tagging is not permitted on re-import."));
    }
    let arn = input.certificate_arn.clone().unwrap_or_else(|| fresh_arn(ctx));
    let new = Certificate {
        sealed_key: seal::seal(ctx, &arn, &key)?,
        arn: arn.clone(),
        imported: true,
        domain: facts.names.first().cloned().unwrap_or_default(),
        body,
        chain,
        facts,
        transparency: None,
        token: None,
        created_at: ctx.now(),
        tags,
    };
    let scope = *ctx.scope();
    ctx.write(|tx| {
        if input.certificate_arn.is_some() {
            let old = get(tx, &scope, &arn)?;
            if !old.imported {
                return Err(errors::validation("Only imported certificates can be imported again."));
            }
            let (created_at, tags) = (old.created_at, old.tags);
            return certificate::put(tx, &scope, &Certificate { created_at, tags, ..new.clone() });
        }
        if certificate::all(tx, &scope)?.len() >= CERTIFICATES_MAX {
            return Err(errors::limit("certificates", CERTIFICATES_MAX));
        }
        certificate::put(tx, &scope, &new)
    })
    .await?;
    Ok(api::ImportCertificateResponse { certificate_arn: Some(arn) })
}

pub async fn request_certificate(
    ctx: &Ctx,
    input: api::RequestCertificateRequest,
) -> Result<api::RequestCertificateResponse> {
    if let Some(other) = input.validation_method.as_deref().filter(|method| *method != "DNS") {
        return Err(errors::unsupported(&format!("Validation by {other}")));
    }
    if let Some(other) = input.key_algorithm.as_deref().filter(|name| *name != "EC_prime256v1") {
        return Err(errors::unsupported(&format!("The key algorithm {other}")));
    }
    let names = domain::check(&input.domain_name, input.subject_alternative_names)?;
    let mut tags = Tags::new();
    tag::add(&mut tags, input.tags)?;
    let token = input.idempotency_token.map(|token| format!("{token} {}", names.join(" ")));
    let scope = *ctx.scope();
    let known = ctx.read(|snap| certificate::all(snap, &scope)).await?;
    if let Some(same) = known.iter().find(|one| token.is_some() && one.token == token) {
        return Ok(api::RequestCertificateResponse { certificate_arn: Some(same.arn.clone()) });
    }
    let KeyedCertificate { chain, key } = ctx.own::<Authority>().0.issue(&names, LIFE_MS)?;
    let (body, rest) = split(&chain);
    let arn = fresh_arn(ctx);
    let new = Certificate {
        sealed_key: seal::seal(ctx, &arn, &key)?,
        facts: rules::read(&body, &key, None)?,
        arn: arn.clone(),
        imported: false,
        domain: names.into_iter().next().unwrap_or_default(),
        body,
        chain: rest,
        transparency: input.options.and_then(|options| options.certificate_transparency_logging_preference),
        token,
        created_at: ctx.now(),
        tags,
    };
    ctx.write(|tx| {
        if certificate::all(tx, &scope)?.len() >= CERTIFICATES_MAX {
            return Err(errors::limit("certificates", CERTIFICATES_MAX));
        }
        certificate::put(tx, &scope, &new)
    })
    .await?;
    Ok(api::RequestCertificateResponse { certificate_arn: Some(arn) })
}

/// The leaf, and what follows it.
fn split(chain: &str) -> (String, Option<String>) {
    const END: &str = "-----END CERTIFICATE-----";
    match chain.split_once(END) {
        Some((leaf, rest)) => {
            let rest = rest.trim();
            (format!("{leaf}{END}\n"), (!rest.is_empty()).then(|| format!("{rest}\n")))
        }
        None => (chain.to_owned(), None),
    }
}

pub async fn delete_certificate(ctx: &Ctx, input: api::DeleteCertificateRequest) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        get(tx, &scope, &input.certificate_arn)?;
        if !in_use::by(tx, &scope, &input.certificate_arn)?.is_empty() {
            return Err(errors::in_use(&input.certificate_arn));
        }
        certificate::delete(tx, &scope, &input.certificate_arn)
    })
    .await
}

/// The certificate an ARN names, with its key, for services that serve it.
pub async fn keyed(ctx: &Ctx, arn: Arn) -> Result<Option<KeyedCertificate>> {
    let (scope, arn) = (*ctx.scope(), arn.to_string());
    let Some(found) = ctx.read(|snap| certificate::find(snap, &scope, &arn)).await? else { return Ok(None) };
    let key = seal::open(ctx, &arn, &found.sealed_key)?;
    let chain = [found.body.trim(), found.chain.as_deref().unwrap_or_default()].join("\n");
    Ok(Some(KeyedCertificate { chain, key }))
}
