//! How the metadata service may be set (EC2 API reference, "InstanceMetadataOptionsRequest").

use api_ec2::{
    InstanceMetadataOptionsRequest, InstanceMetadataOptionsResponse, ModifyInstanceMetadataOptionsRequest,
};
use kernel::Result;

use crate::errors;
use crate::state::instance::MetadataOptions;

const HOPS_MAX: i32 = 64;

/// # Errors
/// `InvalidParameterValue` for a word or number that is none of AWS's.
pub fn at_launch(given: InstanceMetadataOptionsRequest) -> Result<MetadataOptions> {
    let mut options = MetadataOptions::default();
    change(
        &mut options,
        Change {
            tokens: given.http_tokens,
            hops: given.http_put_response_hop_limit,
            endpoint: given.http_endpoint,
            ipv6: given.http_protocol_ipv6,
            tags: given.instance_metadata_tags,
        },
    )?;
    Ok(options)
}

/// The options after a change: what is not given stays.
///
/// # Errors
/// As [`at_launch`].
pub fn modified(
    mut options: MetadataOptions,
    given: &ModifyInstanceMetadataOptionsRequest,
) -> Result<MetadataOptions> {
    change(
        &mut options,
        Change {
            tokens: given.http_tokens.clone(),
            hops: given.http_put_response_hop_limit,
            endpoint: given.http_endpoint.clone(),
            ipv6: given.http_protocol_ipv6.clone(),
            tags: given.instance_metadata_tags.clone(),
        },
    )?;
    Ok(options)
}

struct Change {
    tokens: Option<String>,
    hops: Option<i32>,
    endpoint: Option<String>,
    ipv6: Option<String>,
    tags: Option<String>,
}

fn change(options: &mut MetadataOptions, given: Change) -> Result<()> {
    if let Some(tokens) = given.tokens {
        options.tokens_required = either(&tokens, "required", "optional", "HttpTokens")?;
    }
    if let Some(hops) = given.hops {
        let fits = u8::try_from(hops).ok().filter(|_| (1..=HOPS_MAX).contains(&hops));
        options.hop_limit = fits.ok_or_else(|| {
            errors::invalid_because(hops, "HttpPutResponseHopLimit", "It must be between 1 and 64.")
        })?;
    }
    if let Some(endpoint) = given.endpoint {
        options.enabled = either(&endpoint, "enabled", "disabled", "HttpEndpoint")?;
    }
    if let Some(ipv6) = given.ipv6 {
        options.ipv6 = either(&ipv6, "enabled", "disabled", "HttpProtocolIpv6")?;
    }
    if let Some(tags) = given.tags {
        options.tags = either(&tags, "enabled", "disabled", "InstanceMetadataTags")?;
    }
    Ok(())
}

fn either(given: &str, yes: &str, no: &str, name: &str) -> Result<bool> {
    if given == yes {
        Ok(true)
    } else if given == no {
        Ok(false)
    } else {
        Err(errors::invalid_value(given, name))
    }
}

/// As answers show them.
pub fn shown(options: &MetadataOptions) -> InstanceMetadataOptionsResponse {
    let word = |is_on: bool| Some(if is_on { "enabled" } else { "disabled" }.to_owned());
    InstanceMetadataOptionsResponse {
        state: Some("applied".to_owned()),
        http_tokens: Some(if options.tokens_required { "required" } else { "optional" }.to_owned()),
        http_put_response_hop_limit: Some(i32::from(options.hop_limit)),
        http_endpoint: word(options.enabled),
        http_protocol_ipv6: word(options.ipv6),
        instance_metadata_tags: word(options.tags),
    }
}
