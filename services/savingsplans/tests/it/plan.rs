//! Plans through their lives.

use std::collections::BTreeMap;

use api_savingsplans::*;
use kernel::meter;
use kernel::testing::TestCloud;
use shape::Timestamp;

use crate::{DAY_MS, buy, buying, cloud, compute, offered, shown};

async fn state(cloud: &TestCloud, id: &str) -> String {
    shown(cloud, id).await.state.unwrap()
}

/// Usage lines: name, hour, quantity.
async fn lines(cloud: &TestCloud) -> Vec<(String, u64)> {
    let ctx = savingsplans::state::at_home(&cloud.ctx("savingsplans"));
    let rows = meter::list(&ctx, "savingsplans", None, 10_000).await.unwrap();
    rows.into_iter().map(|(_, one)| (one.usage_type, one.quantity)).collect()
}

#[tokio::test]
async fn a_plan_is_bought_paid_active_and_retired() {
    let cloud = cloud().await;
    let offering = compute(&cloud, "Partial Upfront").await;
    let once = CreateSavingsPlanRequest {
        client_token: Some("once".into()),
        tags: Some(BTreeMap::from([("team".to_owned(), "a".to_owned())])),
        ..buying(&offering, "0.5")
    };
    let id = buy(&cloud, once.clone()).await;
    assert_eq!(buy(&cloud, once.clone()).await, id);
    let other = CreateSavingsPlanRequest { commitment: "0.6".into(), ..once };
    let refused = cloud.call(op::CreateSavingsPlan, other).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");

    let one = shown(&cloud, &id).await;
    assert_eq!(one.state.as_deref(), Some("payment-pending"));
    assert_eq!(one.commitment.as_deref(), Some("0.500000"));
    assert_eq!(one.upfront_payment_amount.as_deref(), Some("2190.000000"));
    assert_eq!(one.recurring_payment_amount.as_deref(), Some("0.250000"));
    let account = cloud.scope().account.to_string();
    assert_eq!(one.savings_plan_arn.unwrap(), format!("arn:aws:savingsplans::{account}:savingsplan/{id}"));
    assert_eq!(one.tags.unwrap()["team"], "a");
    cloud.advance(10_000);
    assert_eq!(state(&cloud, &id).await, "active");
    assert_eq!(shown(&cloud.in_region("eu-west-1"), &id).await.savings_plan_id.as_ref(), Some(&id));
    let elsewhere = DescribeSavingsPlansRequest::default();
    let others = cloud.as_account("111111111111").call(op::DescribeSavingsPlans, elsewhere).await.unwrap();
    assert!(others.savings_plans.unwrap().is_empty());

    let rates = DescribeSavingsPlanRatesRequest {
        savings_plan_id: id.clone(),
        filters: Some(vec![SavingsPlanRateFilter {
            name: Some("usageType".into()),
            values: Some(vec!["BoxUsage:t3.micro".into()]),
        }]),
        max_results: Some(2),
        ..Default::default()
    };
    let rates = cloud.call(op::DescribeSavingsPlanRates, rates).await.unwrap();
    assert_eq!(rates.search_results.unwrap()[0].rate.as_deref(), Some("0.007176"));
    assert!(rates.next_token.is_some(), "one for each region");
    cloud.advance(366 * DAY_MS);
    assert_eq!(state(&cloud, &id).await, "retired");
}

#[tokio::test]
async fn what_is_wrong_with_a_purchase_is_said() {
    let cloud = cloud().await;
    let none = compute(&cloud, "No Upfront").await;
    let code = async |input| cloud.call(op::CreateSavingsPlan, input).await.unwrap_err().code().to_owned();
    assert_eq!(code(buying("0000", "1")).await, "ResourceNotFoundException");
    assert_eq!(code(buying(&none, "0")).await, "ValidationException");
    let upfront = CreateSavingsPlanRequest { upfront_payment_amount: Some("1".into()), ..buying(&none, "1") };
    assert_eq!(code(upfront).await, "ValidationException");
    let past = Some(Timestamp::from_millis(cloud.now() - 1));
    let late = CreateSavingsPlanRequest { purchase_time: past, ..buying(&none, "1") };
    assert_eq!(code(late).await, "ValidationException");
    let tags = Some(BTreeMap::from([("aws:x".to_owned(), "a".to_owned())]));
    assert_eq!(code(CreateSavingsPlanRequest { tags, ..buying(&none, "1") }).await, "ValidationException");
    let all = cloud.call(op::DescribeSavingsPlans, Default::default()).await.unwrap();
    assert!(all.savings_plans.unwrap().is_empty(), "bad input changes nothing");
}

#[tokio::test]
async fn a_queued_plan_begins_at_its_time_or_is_called_off() {
    let cloud = cloud().await;
    let offering = compute(&cloud, "No Upfront").await;
    let queued = CreateSavingsPlanRequest {
        purchase_time: Some(Timestamp::from_millis(cloud.now() + DAY_MS)),
        ..buying(&offering, "1")
    };
    let (first, second) = (buy(&cloud, queued.clone()).await, buy(&cloud, queued).await);
    assert_eq!(state(&cloud, &first).await, "queued");
    let delete = |id: &str| DeleteQueuedSavingsPlanRequest { savings_plan_id: id.to_owned() };
    cloud.call(op::DeleteQueuedSavingsPlan, delete(&first)).await.unwrap();
    let give_back = ReturnSavingsPlanRequest { savings_plan_id: second.clone(), ..Default::default() };
    let refused = cloud.call(op::ReturnSavingsPlan, give_back).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");
    cloud.advance(DAY_MS + 10_000);
    assert_eq!(state(&cloud, &first).await, "queued-deleted");
    assert_eq!(state(&cloud, &second).await, "active");
    let refused = cloud.call(op::DeleteQueuedSavingsPlan, delete(&second)).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");
    let refused = cloud.call(op::DeleteQueuedSavingsPlan, delete("0")).await.unwrap_err();
    assert_eq!(refused.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn every_hour_has_its_lines_until_it_is_given_back() {
    let cloud = cloud().await;
    let family = offered(&cloud, "EC2Instance", "All Upfront").await;
    let family =
        family.iter().find(|one| one.usage_type.as_deref() == Some("EC2SP:t3.1yrAllUpfront")).unwrap();
    let id = buy(&cloud, buying(family.offering_id.as_ref().unwrap(), "1")).await;
    let name = "EC2SP:t3.1yrAllUpfront".to_owned();
    let fee = ("SavingsPlanUpfrontFee:EC2SP:t3.1yrAllUpfront".to_owned(), 8_760_000_000);
    assert_eq!(lines(&cloud).await, [(name.clone(), 1_000_000), fee.clone()]);
    cloud.advance(3_600_000);
    let two = async || (lines(&cloud).await.len() == 3).then_some(());
    cloud.eventually("the second hour is written", two).await;
    let give_back = ReturnSavingsPlanRequest { savings_plan_id: id.clone(), client_token: Some("t".into()) };
    cloud.call(op::ReturnSavingsPlan, give_back.clone()).await.unwrap();
    cloud.call(op::ReturnSavingsPlan, give_back).await.unwrap();
    assert_eq!(state(&cloud, &id).await, "pending-return");
    cloud.advance(10_000);
    assert_eq!(state(&cloud, &id).await, "returned");
    assert_eq!(lines(&cloud).await, [(name.clone(), 0), (name, 0), (fee.0, 0)]);
    let again = ReturnSavingsPlanRequest { savings_plan_id: id, ..Default::default() };
    let refused = cloud.call(op::ReturnSavingsPlan, again).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");
}

#[tokio::test]
async fn plans_bear_tags() {
    let cloud = cloud().await;
    let id = buy(&cloud, buying(&compute(&cloud, "No Upfront").await, "1")).await;
    let arn = shown(&cloud, &id).await.savings_plan_arn.unwrap();
    let tag = |key: &str| TagResourceRequest {
        resource_arn: arn.clone(),
        tags: BTreeMap::from([(key.to_owned(), "v".to_owned())]),
    };
    cloud.call(op::TagResource, tag("a")).await.unwrap();
    cloud.call(op::TagResource, tag("b")).await.unwrap();
    let untag = UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["a".into()] };
    cloud.call(op::UntagResource, untag).await.unwrap();
    let list = ListTagsForResourceRequest { resource_arn: arn.clone() };
    let tags = cloud.call(op::ListTagsForResource, list.clone()).await.unwrap().tags.unwrap();
    assert_eq!(tags.into_keys().collect::<Vec<_>>(), ["b"]);
    let refused = cloud.call(op::TagResource, tag("aws:x")).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");
    let others = cloud.as_account("111111111111").call(op::ListTagsForResource, list).await.unwrap_err();
    assert_eq!(others.code(), "AccessDeniedException");
}

#[tokio::test]
async fn a_plan_whose_hours_cannot_be_written_holds_up_no_other() {
    let cloud = cloud().await;
    let id = buy(&cloud, buying(&compute(&cloud, "No Upfront").await, "1")).await;
    let ctx = savingsplans::state::at_home(&cloud.ctx("savingsplans"));
    // It comes first, and there is no room in the store for a name so long in a longer key.
    let broken = "!".repeat(4_030);
    ctx.write(|tx| {
        let one = savingsplans::state::plan::find(tx, ctx.scope(), &id)?.unwrap();
        let broken = savingsplans::rules::plan::SavingsPlan { id: broken.clone(), ..one };
        savingsplans::state::plan::put(tx, ctx.scope(), &broken)
    })
    .await
    .unwrap();
    let before = lines(&cloud).await.len();
    cloud.advance(3_600_000);
    savingsplans::controllers::books::keep(&ctx).await.unwrap_err();
    assert_eq!(lines(&cloud).await.len(), before + 2, "the hour and its fee");
}
