//! What an account has and may have.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::check_dry_run;
use crate::errors;
use crate::rules::network_interface::GROUPS_MAX;
use crate::state::vpc;

/// AWS's default quotas; they are the attributes' values, and not enforced but for the groups of an interface.
const INSTANCES_MAX: &str = "20";
const ELASTIC_IPS_MAX: &str = "5";

pub async fn describe_account_attributes(
    ctx: &Ctx,
    input: api::DescribeAccountAttributesRequest,
) -> Result<api::DescribeAccountAttributesResult> {
    check_dry_run(input.dry_run)?;
    super::vpc::ensure_default(ctx).await?;
    let vpcs = ctx.read(|snap| vpc::all(snap, ctx.scope())).await?;
    let default = vpcs.into_iter().find(|vpc| vpc.is_default).map(|vpc| vpc.id.to_string());
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        ("vpc-max-security-groups-per-interface", GROUPS_MAX.to_string()),
        ("max-elastic-ips", ELASTIC_IPS_MAX.to_owned()),
        ("max-instances", INSTANCES_MAX.to_owned()),
        ("vpc-max-elastic-ips", ELASTIC_IPS_MAX.to_owned()),
        ("default-vpc", default.unwrap_or_else(|| "none".to_owned())),
    ];
    let wanted = input.attribute_names.unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|wanted| !all.iter().any(|(name, _)| name == *wanted)) {
        return Err(errors::invalid_value(unknown, "attributeName"));
    }
    let asked = all.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name));
    let show = |(name, value): (&str, String)| api::AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: Some(vec![api::AccountAttributeValue { attribute_value: Some(value) }]),
    };
    Ok(api::DescribeAccountAttributesResult { account_attributes: Some(asked.map(show).collect()) })
}
