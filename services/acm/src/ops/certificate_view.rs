//! Certificates looked at.

use std::collections::BTreeSet;

use api_acm as api;
use kernel::{Ctx, Millis, Result, Scope};
use shape::Timestamp;

use super::read;
use crate::errors;
use crate::state::certificate::{self, Certificate};
use crate::state::in_use;

/// The largest page.
const PAGE_MAX: i32 = 1_000;
const ISSUED: &str = "ISSUED";
const EXPIRED: &str = "EXPIRED";
/// What their keys are for.
const KEY_USAGE: &str = "DIGITAL_SIGNATURE";
const EXTENDED_KEY_USAGE: &str = "TLS_WEB_SERVER_AUTHENTICATION";

fn status(of: &Certificate, now: Millis) -> &'static str {
    if of.facts.not_after <= now { EXPIRED } else { ISSUED }
}

fn kind(of: &Certificate) -> &'static str {
    if of.imported { "IMPORTED" } else { "AMAZON_ISSUED" }
}

fn at(instant: Millis) -> Option<Timestamp> {
    Some(Timestamp::from_millis(instant))
}

pub async fn describe_certificate(
    ctx: &Ctx,
    input: api::DescribeCertificateRequest,
) -> Result<api::DescribeCertificateResponse> {
    let one = read(ctx, &input.certificate_arn).await?;
    let scope = *ctx.scope();
    let users = ctx.read(|snap| in_use::by(snap, &scope, &one.arn)).await?;
    let validated =
        (!one.imported).then(|| one.facts.names.iter().map(|name| validation(ctx.scope(), name)).collect());
    let facts = &one.facts;
    let detail = api::CertificateDetail {
        certificate_arn: Some(one.arn.clone()),
        domain_name: Some(one.domain.clone()),
        subject_alternative_names: Some(facts.names.clone()),
        domain_validation_options: validated,
        serial: Some(facts.serial.clone()),
        subject: Some(facts.subject.clone()),
        issuer: Some(facts.issuer.clone()),
        created_at: at(one.created_at),
        issued_at: at(one.created_at).filter(|_| !one.imported),
        imported_at: at(one.created_at).filter(|_| one.imported),
        status: Some(status(&one, ctx.now()).to_owned()),
        not_before: at(facts.not_before),
        not_after: at(facts.not_after),
        key_algorithm: Some(facts.key_algorithm.clone()),
        signature_algorithm: Some(facts.signature_algorithm.clone()),
        in_use_by: Some(users),
        r#type: Some(kind(&one).to_owned()),
        renewal_eligibility: Some("INELIGIBLE".to_owned()),
        key_usages: Some(vec![api::KeyUsage { name: Some(KEY_USAGE.to_owned()) }]),
        extended_key_usages: Some(vec![api::ExtendedKeyUsage {
            name: Some(EXTENDED_KEY_USAGE.to_owned()),
            oid: Some("1.3.6.1.5.5.7.3.1".to_owned()),
        }]),
        options: Some(api::CertificateOptions {
            certificate_transparency_logging_preference: Some(
                one.transparency.clone().unwrap_or_else(|| "ENABLED".to_owned()),
            ),
            ..Default::default()
        }),
        ..Default::default()
    };
    Ok(api::DescribeCertificateResponse { certificate: Some(detail) })
}

/// The record by which AWS would have asked whose the name is.
fn validation(scope: &Scope, name: &str) -> api::DomainValidation {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let word = |salt: u64| {
        let seed = format!("{}{bare}", scope.account);
        let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{hash:016x}{:016x}", hash.rotate_left(17) ^ salt)
    };
    api::DomainValidation {
        domain_name: name.to_owned(),
        validation_domain: Some(name.to_owned()),
        validation_status: Some("SUCCESS".to_owned()),
        resource_record: Some(api::ResourceRecord {
            name: format!("_{}.{bare}.", word(1)),
            r#type: "CNAME".to_owned(),
            value: format!("_{}.acm-validations.aws.", word(2)),
        }),
        validation_method: Some("DNS".to_owned()),
        ..Default::default()
    }
}

pub async fn get_certificate(
    ctx: &Ctx,
    input: api::GetCertificateRequest,
) -> Result<api::GetCertificateResponse> {
    let one = read(ctx, &input.certificate_arn).await?;
    Ok(api::GetCertificateResponse { certificate: Some(one.body), certificate_chain: one.chain })
}

pub async fn list_certificates(
    ctx: &Ctx,
    input: api::ListCertificatesRequest,
) -> Result<api::ListCertificatesResponse> {
    const OPERATION: &str = "ListCertificates";
    let size = input.max_items.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(errors::validation(format!("MaxItems must be between 1 and {PAGE_MAX}")));
    }
    let (scope, now) = (*ctx.scope(), ctx.now());
    let read = ctx.read(|snap| Ok((certificate::all(snap, &scope)?, in_use::all(snap, &scope)?)));
    let (mut all, used) = read.await?;
    let used: BTreeSet<String> = used.into_iter().flat_map(|(_, arns)| arns).collect();
    let includes = input.includes.unwrap_or_default();
    // Without being asked for, keys of other kinds are left out, as AWS does.
    let types = includes
        .key_types
        .unwrap_or_else(|| vec!["RSA_1024".to_owned(), "RSA_2048".to_owned(), "EC_prime256v1".to_owned()]);
    let wants = |wanted: &Option<Vec<String>>, has: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|word| word == has || word == "ANY"))
    };
    all.retain(|one| {
        types.contains(&one.facts.key_algorithm)
            && wants(&includes.key_usage, KEY_USAGE)
            && wants(&includes.extended_key_usage, EXTENDED_KEY_USAGE)
            && input
                .certificate_statuses
                .as_ref()
                .is_none_or(|s| s.iter().any(|word| word == status(one, now)))
    });
    if input.sort_order.as_deref() == Some("DESCENDING") && input.sort_by.is_some() {
        all.reverse();
    }
    let size = usize::try_from(size).unwrap_or(1);
    let page = ctx.cut_page(OPERATION, all, input.next_token.as_deref(), size);
    let (page, next_token) = page.ok_or_else(|| errors::validation("NextToken is not valid"))?;
    let shown = page.iter().map(|one| summary(one, now, used.contains(&one.arn)));
    Ok(api::ListCertificatesResponse { next_token, certificate_summary_list: Some(shown.collect()) })
}

fn summary(one: &Certificate, now: Millis, is_used: bool) -> api::CertificateSummary {
    api::CertificateSummary {
        certificate_arn: Some(one.arn.clone()),
        domain_name: Some(one.domain.clone()),
        subject_alternative_name_summaries: Some(one.facts.names.clone()),
        has_additional_subject_alternative_names: Some(false),
        status: Some(status(one, now).to_owned()),
        r#type: Some(kind(one).to_owned()),
        key_algorithm: Some(one.facts.key_algorithm.clone()),
        key_usages: Some(vec![KEY_USAGE.to_owned()]),
        extended_key_usages: Some(vec![EXTENDED_KEY_USAGE.to_owned()]),
        in_use: Some(is_used),
        renewal_eligibility: Some("INELIGIBLE".to_owned()),
        not_before: at(one.facts.not_before),
        not_after: at(one.facts.not_after),
        created_at: at(one.created_at),
        issued_at: at(one.created_at).filter(|_| !one.imported),
        imported_at: at(one.created_at).filter(|_| one.imported),
        ..Default::default()
    }
}
