//! Security policies by name.

use api_elbv2 as api;
use kernel::{Ctx, Result};

use crate::rules::page;
use crate::rules::ssl_policy::{POLICIES, SUITES_12, SUITES_13, versions};

pub async fn describe_ssl_policies(
    ctx: &Ctx,
    input: api::DescribeSSLPoliciesInput,
) -> Result<api::DescribeSSLPoliciesOutput> {
    let names = input.names.unwrap_or_default();
    for name in &names {
        versions(name)?;
    }
    if input.load_balancer_type.as_deref() == Some("gateway") {
        return Err(crate::errors::unsupported("The load balancer type 'gateway'"));
    }
    let wanted =
        POLICIES.iter().filter(|(name, ..)| names.is_empty() || names.iter().any(|given| given == name));
    let all = wanted.map(|(name, protocols, _)| shown(name, protocols)).collect();
    let (page, next_marker) = page::cut(ctx, "DescribeSSLPolicies", all, (input.marker, input.page_size))?;
    Ok(api::DescribeSSLPoliciesOutput { ssl_policies: Some(page), next_marker })
}

fn shown(name: &str, protocols: &[&str]) -> api::SslPolicy {
    let suites_13 = SUITES_13.iter().filter(|_| protocols.contains(&"TLSv1.3"));
    let suites_12 = SUITES_12.iter().filter(|_| protocols.contains(&"TLSv1.2"));
    let cipher = |(priority, name): (i32, &&str)| api::Cipher {
        name: Some((*name).to_owned()),
        priority: Some(priority),
    };
    api::SslPolicy {
        ssl_protocols: Some(protocols.iter().map(|&protocol| protocol.to_owned()).collect()),
        ciphers: Some((1..).zip(suites_13.chain(suites_12)).map(cipher).collect()),
        name: Some(name.to_owned()),
        supported_load_balancer_types: Some(vec!["application".to_owned(), "network".to_owned()]),
    }
}
