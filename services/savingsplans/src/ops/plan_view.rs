//! Plans looked at.

use api_savingsplans as api;
use kernel::{Ctx, Millis, Result, Scope};

use super::offering::{CURRENCY, show_rates_of};
use super::{get, page};
use crate::rules::filter::{Filters, is_wanted};
use crate::rules::instant::iso;
use crate::rules::plan::SavingsPlan;
use crate::rules::rate::PRODUCT_TYPE;
use crate::state::{at_home, plan};

pub async fn describe_savings_plans(
    ctx: &Ctx,
    input: api::DescribeSavingsPlansRequest,
) -> Result<api::DescribeSavingsPlansResponse> {
    const OPERATION: &str = "DescribeSavingsPlans";
    let filters = input.filters.unwrap_or_default().into_iter().map(|one| (one.name, one.values));
    let filters = Filters::check(filters)?;
    let home = at_home(ctx);
    let (scope, now) = (*home.scope(), ctx.now());
    let mut all = home.read(|snap| plan::all(snap, &scope)).await?;
    all.retain(|one| {
        is_wanted(&input.savings_plan_ids, &one.id)
            && is_wanted(&input.savings_plan_arns, &plan::arn(&scope, &one.id))
            && is_wanted(&input.states, one.state(now))
            && filters.accept(|name| value(one, name))
    });
    let (all, next_token) = page(ctx, OPERATION, all, input.max_results, input.next_token.as_deref())?;
    let savings_plans = Some(all.iter().map(|one| show(one, &scope, now)).collect());
    Ok(api::DescribeSavingsPlansResponse { savings_plans, next_token })
}

/// The last second of a plan, as AWS shows its end.
fn end(one: &SavingsPlan) -> String {
    iso(one.end_at() - 1_000)
}

fn value(one: &SavingsPlan, name: &str) -> Option<String> {
    Some(match name {
        "region" => one.offering.kind.region()?.to_owned(),
        "ec2-instance-family" | "instance-family" => one.offering.kind.family()?.to_owned(),
        "commitment" => one.commitment.to_string(),
        "upfront" => one.cost.upfront.to_string(),
        "term" => one.offering.term.seconds().to_string(),
        "savings-plan-type" => one.offering.kind.name().to_owned(),
        "payment-option" => one.offering.payment.name().to_owned(),
        "start" => iso(one.start_at),
        "end" => end(one),
        _ => return None,
    })
}

fn show(one: &SavingsPlan, scope: &Scope, now: Millis) -> api::SavingsPlan {
    let of = &one.offering;
    api::SavingsPlan {
        offering_id: Some(of.id.clone()),
        savings_plan_id: Some(one.id.clone()),
        savings_plan_arn: Some(plan::arn(scope, &one.id)),
        description: Some(of.description()),
        start: Some(iso(one.start_at)),
        end: Some(end(one)),
        state: Some(one.state(now).to_owned()),
        region: of.kind.region().map(str::to_owned),
        ec2_instance_family: of.kind.family().map(str::to_owned),
        savings_plan_type: Some(of.kind.name().to_owned()),
        payment_option: Some(of.payment.name().to_owned()),
        product_types: Some(vec![PRODUCT_TYPE.to_owned()]),
        currency: Some(CURRENCY.to_owned()),
        commitment: Some(one.commitment.to_string()),
        upfront_payment_amount: Some(one.cost.upfront.to_string()),
        recurring_payment_amount: Some(one.cost.hourly.to_string()),
        term_duration_in_seconds: i64::try_from(of.term.seconds()).ok(),
        tags: Some(one.tags.clone()),
        returnable_until: Some(iso(one.returnable_until())),
    }
}

/// # Errors
/// `ResourceNotFoundException`.
pub async fn describe_savings_plan_rates(
    ctx: &Ctx,
    input: api::DescribeSavingsPlanRatesRequest,
) -> Result<api::DescribeSavingsPlanRatesResponse> {
    const OPERATION: &str = "DescribeSavingsPlanRates";
    let filters = input.filters.unwrap_or_default().into_iter().map(|one| (one.name, one.values));
    let filters = Filters::check(filters)?;
    let home = at_home(ctx);
    let one = home.read(|snap| get(snap, &home, &input.savings_plan_id)).await?;
    let all = show_rates_of(&one.offering, ctx.partition(), &filters);
    let (all, next_token) = page(ctx, OPERATION, all, input.max_results, input.next_token.as_deref())?;
    Ok(api::DescribeSavingsPlanRatesResponse {
        savings_plan_id: Some(one.id),
        search_results: Some(all),
        next_token,
    })
}
