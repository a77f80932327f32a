//! How much of everything an account may have.

use api_elb as api;
use kernel::{Ctx, Result};

use crate::rules::listener::LISTENERS_MAX;
use crate::rules::load_balancer::{INSTANCES_MAX, LOAD_BALANCERS_MAX};
use crate::rules::page;

const LIMITS: [(&str, usize); 3] = [
    ("classic-load-balancers", LOAD_BALANCERS_MAX),
    ("classic-listeners", LISTENERS_MAX),
    ("classic-registered-instances", INSTANCES_MAX),
];

pub async fn describe_account_limits(
    ctx: &Ctx,
    input: api::DescribeAccountLimitsInput,
) -> Result<api::DescribeAccountLimitsOutput> {
    let limit = |(name, max): &(&str, usize)| api::Limit {
        name: Some((*name).to_owned()),
        max: Some(max.to_string()),
    };
    let all = LIMITS.iter().map(limit).collect();
    let (page, next_marker) = page::cut(ctx, "DescribeAccountLimits", all, (input.marker, input.page_size))?;
    Ok(api::DescribeAccountLimitsOutput { limits: Some(page), next_marker })
}
