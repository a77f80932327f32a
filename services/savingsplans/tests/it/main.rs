//! Savings Plans on a whole house.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod offering;
mod plan;

use api_savingsplans::*;
use kernel::Plugs;
use kernel::testing::TestCloud;

pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) async fn cloud() -> TestCloud {
    TestCloud::new(vec![savingsplans::service(&Plugs::default())]).await
}

/// Offerings of a kind and way to pay, for a year.
pub(crate) async fn offered(cloud: &TestCloud, kind: &str, payment: &str) -> Vec<SavingsPlanOffering> {
    let input = DescribeSavingsPlansOfferingsRequest {
        plan_types: Some(vec![kind.into()]),
        payment_options: Some(vec![payment.into()]),
        durations: Some(vec![31_536_000]),
        ..Default::default()
    };
    cloud.call(op::DescribeSavingsPlansOfferings, input).await.unwrap().search_results.unwrap()
}

pub(crate) async fn compute(cloud: &TestCloud, payment: &str) -> String {
    offered(cloud, "Compute", payment).await[0].offering_id.clone().unwrap()
}

pub(crate) fn buying(offering: &str, commitment: &str) -> CreateSavingsPlanRequest {
    CreateSavingsPlanRequest {
        savings_plan_offering_id: offering.into(),
        commitment: commitment.into(),
        ..Default::default()
    }
}

pub(crate) async fn buy(cloud: &TestCloud, input: CreateSavingsPlanRequest) -> String {
    cloud.call(op::CreateSavingsPlan, input).await.unwrap().savings_plan_id.unwrap()
}

pub(crate) async fn shown(cloud: &TestCloud, id: &str) -> SavingsPlan {
    let input = DescribeSavingsPlansRequest { savings_plan_ids: Some(vec![id.into()]), ..Default::default() };
    cloud.call(op::DescribeSavingsPlans, input).await.unwrap().savings_plans.unwrap().remove(0)
}

#[tokio::test]
async fn every_operation_of_the_list_is_declared() {
    let service = savingsplans::service(&Plugs::default());
    let declared: Vec<_> = service.declared().collect();
    assert_eq!(declared, SERVICE.ops.iter().map(|op| op.name).collect::<Vec<_>>());
}
