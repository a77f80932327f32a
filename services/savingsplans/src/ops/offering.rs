//! What is offered, and at which rates.

use api_savingsplans as api;
use kernel::{Ctx, Partition, Result};
use price::Term;

use super::page;
use crate::errors;
use crate::rules::filter::{Filters, is_wanted};
use crate::rules::offering::{self, Offering};
use crate::rules::rate::{self, PRODUCT_TYPE, Rate, rates};

/// The only currency.
pub const CURRENCY: &str = "USD";
/// What offerings of each kind are sold as.
const SERVICE_CODE: &str = "ComputeSavingsPlans";

fn is_duration(wanted: &Option<Vec<i64>>, term: Term) -> bool {
    let has = |wanted: &i64| u64::try_from(*wanted) == Ok(term.seconds());
    wanted.as_ref().filter(|wanted| !wanted.is_empty()).is_none_or(|wanted| wanted.iter().any(has))
}

/// # Errors
/// `ValidationException`, for a payment, type or currency the model does not know is refused before; nothing else.
pub async fn describe_savings_plans_offerings(
    ctx: &Ctx,
    input: api::DescribeSavingsPlansOfferingsRequest,
) -> Result<api::DescribeSavingsPlansOfferingsResponse> {
    const OPERATION: &str = "DescribeSavingsPlansOfferings";
    let filters = input.filters.unwrap_or_default().into_iter().map(|one| (one.name, one.values));
    let filters = Filters::check(filters)?;
    let all = offering::all(ctx.partition()).iter().filter(|one| {
        is_wanted(&input.offering_ids, &one.id)
            && is_wanted(&input.payment_options, one.payment.name())
            && input.product_type.as_deref().is_none_or(|wanted| wanted == PRODUCT_TYPE)
            && is_wanted(&input.plan_types, one.kind.name())
            && is_duration(&input.durations, one.term)
            && is_wanted(&input.currencies, CURRENCY)
            && is_wanted(&input.descriptions, &one.description())
            && is_wanted(&input.service_codes, SERVICE_CODE)
            && is_wanted(&input.usage_types, &one.usage_type())
            && is_wanted(&input.operations, "")
            && filters.accept(|name| property(one, name))
    });
    let all: Vec<&Offering> = all.collect();
    let (all, next_token) = page(ctx, OPERATION, all, input.max_results, input.next_token.as_deref())?;
    let search_results = Some(all.into_iter().map(show).collect());
    Ok(api::DescribeSavingsPlansOfferingsResponse { search_results, next_token })
}

fn property<'a>(one: &'a Offering, name: &str) -> Option<&'a str> {
    match name {
        "region" => one.kind.region(),
        "instanceFamily" => one.kind.family(),
        _ => None,
    }
}

fn show(one: &Offering) -> api::SavingsPlanOffering {
    let properties = ["region", "instanceFamily"].into_iter().filter_map(|name| {
        let value = property(one, name)?.to_owned();
        Some(api::SavingsPlanOfferingProperty { name: Some(name.to_owned()), value: Some(value) })
    });
    api::SavingsPlanOffering {
        offering_id: Some(one.id.clone()),
        product_types: Some(vec![PRODUCT_TYPE.to_owned()]),
        plan_type: Some(one.kind.name().to_owned()),
        description: Some(one.description()),
        payment_option: Some(one.payment.name().to_owned()),
        duration_seconds: i64::try_from(one.term.seconds()).ok(),
        currency: Some(CURRENCY.to_owned()),
        service_code: Some(SERVICE_CODE.to_owned()),
        usage_type: Some(one.usage_type()),
        operation: Some(String::new()),
        properties: Some(properties.collect()),
    }
}

pub async fn describe_savings_plans_offering_rates(
    ctx: &Ctx,
    input: api::DescribeSavingsPlansOfferingRatesRequest,
) -> Result<api::DescribeSavingsPlansOfferingRatesResponse> {
    const OPERATION: &str = "DescribeSavingsPlansOfferingRates";
    let filters = input.filters.unwrap_or_default().into_iter().map(|one| (one.name, one.values));
    let filters = Filters::check(filters)?;
    let offerings = offering::all(ctx.partition()).iter().filter(|one| {
        is_wanted(&input.savings_plan_offering_ids, &one.id)
            && is_wanted(&input.savings_plan_payment_options, one.payment.name())
            && is_wanted(&input.savings_plan_types, one.kind.name())
            && is_wanted(&input.products, PRODUCT_TYPE)
            && is_wanted(&input.service_codes, rate::SERVICE_CODE)
            && is_wanted(&input.operations, rate::OPERATION)
    });
    let all = offerings.flat_map(|one| rates(one, ctx.partition()));
    let no_usage_type = input.usage_types.is_none();
    let all: Vec<Rate<'_>> = all
        .filter(|one| filters.accept(|name| one.value(name)))
        .filter(|one| no_usage_type || is_wanted(&input.usage_types, &one.usage_type()))
        .collect();
    let (all, next_token) = page(ctx, OPERATION, all, input.max_results, input.next_token.as_deref())?;
    let search_results = Some(all.iter().map(show_rate).collect());
    Ok(api::DescribeSavingsPlansOfferingRatesResponse { search_results, next_token })
}

/// What is told of every rate beside its amount.
const PROPERTIES: [&str; 5] = ["region", "instanceType", "instanceFamily", "productDescription", "tenancy"];

fn show_rate(one: &Rate<'_>) -> api::SavingsPlanOfferingRate {
    let of = one.offering;
    let properties = PROPERTIES.into_iter().map(|name| api::SavingsPlanOfferingRateProperty {
        name: Some(name.to_owned()),
        value: one.value(name).map(str::to_owned),
    });
    api::SavingsPlanOfferingRate {
        savings_plan_offering: Some(api::ParentSavingsPlanOffering {
            offering_id: Some(of.id.clone()),
            payment_option: Some(of.payment.name().to_owned()),
            plan_type: Some(of.kind.name().to_owned()),
            duration_seconds: i64::try_from(of.term.seconds()).ok(),
            currency: Some(CURRENCY.to_owned()),
            plan_description: Some(of.description()),
        }),
        rate: Some(one.amount().to_string()),
        unit: Some(rate::UNIT.to_owned()),
        product_type: Some(PRODUCT_TYPE.to_owned()),
        service_code: Some(rate::SERVICE_CODE.to_owned()),
        usage_type: Some(one.usage_type()),
        operation: Some(rate::OPERATION.to_owned()),
        properties: Some(properties.collect()),
    }
}

/// The rates of a plan that was bought.
pub(super) fn show_rates_of(
    of: &Offering,
    partition: Partition,
    filters: &Filters,
) -> Vec<api::SavingsPlanRate> {
    let wanted = rates(of, partition).filter(|one| {
        let usage_type = one.usage_type();
        let value = |name: &str| {
            if name == "usageType" { Some(usage_type.clone()) } else { one.value(name).map(str::to_owned) }
        };
        filters.accept(value)
    });
    let show = |one: Rate<'_>| api::SavingsPlanRate {
        rate: Some(one.amount().to_string()),
        currency: Some(CURRENCY.to_owned()),
        unit: Some(rate::UNIT.to_owned()),
        product_type: Some(PRODUCT_TYPE.to_owned()),
        service_code: Some(rate::SERVICE_CODE.to_owned()),
        usage_type: Some(one.usage_type()),
        operation: Some(rate::OPERATION.to_owned()),
        properties: Some(PROPERTIES.into_iter().map(|name| property_of(&one, name)).collect()),
    };
    wanted.map(show).collect()
}

fn property_of(one: &Rate<'_>, name: &str) -> api::SavingsPlanRateProperty {
    api::SavingsPlanRateProperty { name: Some(name.to_owned()), value: one.value(name).map(str::to_owned) }
}

/// # Errors
/// `ResourceNotFoundException`.
pub(super) fn find(id: &str, partition: Partition) -> Result<Offering> {
    let found = offering::all(partition).iter().find(|one| one.id == id);
    found.cloned().ok_or_else(|| errors::offering_not_found(id))
}
