//! The contents page: everything Savings Plans does.

use api_savingsplans::{SERVICE, op};
use kernel::{Access, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::controllers::books;
use crate::ops::{offering, plan, plan_view, tag};
use crate::state::home;
use crate::state::plan::arn;

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.resource_facts(tag::facts_of);

    s.op(op::DescribeSavingsPlansOfferings, offering::describe_savings_plans_offerings)
        .access(|_, _| Ok(Access::any()));
    s.op(op::DescribeSavingsPlansOfferingRates, offering::describe_savings_plans_offering_rates)
        .access(|_, _| Ok(Access::any()));
    s.op(op::CreateSavingsPlan, plan::create_savings_plan).access(|_, i| {
        let tags = i.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Access::any().request_tags(tags).also_to_tag("savingsplans:TagResource"))
    });
    s.op(op::DescribeSavingsPlans, plan_view::describe_savings_plans).access(|s, _| on(s, "*"));
    s.op(op::DescribeSavingsPlanRates, plan_view::describe_savings_plan_rates)
        .access(|s, i| on(s, &i.savings_plan_id));
    s.op(op::DeleteQueuedSavingsPlan, plan::delete_queued_savings_plan)
        .access(|s, i| on(s, &i.savings_plan_id));
    s.op(op::ReturnSavingsPlan, plan::return_savings_plan).access(|s, i| on(s, &i.savings_plan_id));
    s.op(op::TagResource, tag::tag_resource).access(|_, i| {
        let tags = i.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Access::on(&i.resource_arn).request_tags(tags))
    });
    s.op(op::UntagResource, tag::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tag::list_tags_for_resource).access(|_, i| Ok(Access::on(&i.resource_arn)));
    s.sweep("savingsplans/books", books::EVERY_MS, books::keep);
    s.build()
}

fn on(scope: &Scope, id: &str) -> Result<Access> {
    Ok(Access::on(arn(&home(scope), id)))
}
