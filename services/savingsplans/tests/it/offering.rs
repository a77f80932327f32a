//! What is offered, and its rates.

use api_savingsplans::*;

use crate::{cloud, compute, offered};

#[tokio::test]
async fn offerings_are_found_by_what_they_are() {
    let cloud = cloud().await;
    assert_eq!(offered(&cloud, "Compute", "No Upfront").await.len(), 1);
    assert!(offered(&cloud, "SageMaker", "No Upfront").await.is_empty(), "not offered");
    let family = DescribeSavingsPlansOfferingsRequest {
        filters: Some(vec![
            SavingsPlanOfferingFilterElement {
                name: Some("region".into()),
                values: Some(vec!["eu-west-1".into()]),
            },
            SavingsPlanOfferingFilterElement {
                name: Some("instanceFamily".into()),
                values: Some(vec!["t3".into(), "m5".into()]),
            },
        ]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeSavingsPlansOfferings, family).await.unwrap().search_results.unwrap();
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|one| one.plan_type.as_deref() == Some("EC2Instance")));
    let page = DescribeSavingsPlansOfferingsRequest { max_results: Some(7), ..Default::default() };
    let first = cloud.call(op::DescribeSavingsPlansOfferings, page.clone()).await.unwrap();
    let next = DescribeSavingsPlansOfferingsRequest { next_token: first.next_token, ..page };
    let second = cloud.call(op::DescribeSavingsPlansOfferings, next.clone()).await.unwrap();
    assert_eq!(second.search_results.as_ref().unwrap().len(), 7);
    let (first, second) = (first.search_results.unwrap(), second.search_results.unwrap());
    assert_ne!(first[0].offering_id, second[0].offering_id);
    let bad = DescribeSavingsPlansOfferingsRequest { next_token: Some("x".into()), ..next };
    let refused = cloud.call(op::DescribeSavingsPlansOfferings, bad).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationException");
}

#[tokio::test]
async fn rates_are_found_by_machine_and_region() {
    let cloud = cloud().await;
    let rates = DescribeSavingsPlansOfferingRatesRequest {
        savings_plan_offering_ids: Some(vec![compute(&cloud, "No Upfront").await]),
        filters: Some(vec![
            SavingsPlanOfferingRateFilterElement {
                name: Some("instanceType".into()),
                values: Some(vec!["t3.micro".into()]),
            },
            SavingsPlanOfferingRateFilterElement {
                name: Some("region".into()),
                values: Some(vec!["us-east-1".into()]),
            },
        ]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeSavingsPlansOfferingRates, rates).await.unwrap();
    let found = found.search_results.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rate.as_deref(), Some("0.007488"));
    assert_eq!(found[0].usage_type.as_deref(), Some("BoxUsage:t3.micro"));
    let none = DescribeSavingsPlansOfferingRatesRequest {
        products: Some(vec!["Lambda".into()]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeSavingsPlansOfferingRates, none).await.unwrap();
    assert!(found.search_results.unwrap().is_empty());
    let all = cloud.call(op::DescribeSavingsPlansOfferingRates, Default::default()).await.unwrap();
    assert_eq!(all.search_results.unwrap().len(), 1_000);
    assert!(all.next_token.is_some());
}

#[tokio::test]
async fn tokens_are_written_as_the_model_has_them() {
    let cloud = cloud().await;
    for size in 1..=60 {
        let page = DescribeSavingsPlansOfferingsRequest { max_results: Some(size), ..Default::default() };
        let first = cloud.call(op::DescribeSavingsPlansOfferings, page.clone()).await.unwrap();
        let token = first.next_token.unwrap();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)), "{token}");
        let next = DescribeSavingsPlansOfferingsRequest { next_token: Some(token), ..page };
        cloud.call(op::DescribeSavingsPlansOfferings, next).await.unwrap();
    }
}
