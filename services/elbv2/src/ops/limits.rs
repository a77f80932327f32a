//! How much of everything an account may have.

use api_elbv2 as api;
use kernel::{Ctx, Result};

use crate::rules::listener::{CERTIFICATES_MAX, LISTENERS_MAX, RULES_MAX};
use crate::rules::load_balancer::LOAD_BALANCERS_MAX;
use crate::rules::page;
use crate::rules::target_group::{TARGET_GROUPS_MAX, TARGETS_MAX};
use crate::rules::{action, condition, listener};

const LIMITS: [(&str, usize); 15] = [
    ("target-groups", TARGET_GROUPS_MAX),
    ("targets-per-application-load-balancer", TARGETS_MAX),
    ("targets-per-target-group", TARGETS_MAX),
    ("listeners-per-application-load-balancer", LISTENERS_MAX),
    ("rules-per-application-load-balancer", RULES_MAX),
    ("certificates-per-application-load-balancer", CERTIFICATES_MAX),
    ("application-load-balancers", LOAD_BALANCERS_MAX),
    ("network-load-balancers", LOAD_BALANCERS_MAX),
    ("listeners-per-network-load-balancer", LISTENERS_MAX),
    ("certificates-per-network-load-balancer", CERTIFICATES_MAX),
    ("condition-values-per-alb-rule", condition::VALUES_MAX),
    ("condition-wildcards-per-alb-rule", condition::WILDCARDS_MAX),
    ("target-groups-per-application-load-balancer", listener::GROUPS_MAX),
    ("target-groups-per-action-on-application-load-balancer", action::GROUPS_MAX),
    ("target-groups-per-action-on-network-load-balancer", action::GROUPS_MAX),
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
