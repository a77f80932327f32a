//! Targets: registered, changed, tagged, refused, deregistered.

use api_application_autoscaling::*;

use super::{Cloud, DIMENSION, FLEET, bounds};

fn gone() -> DeregisterScalableTargetRequest {
    DeregisterScalableTargetRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
    }
}

#[tokio::test]
async fn what_is_not_said_again_stays() {
    let cloud = Cloud::new(2).await;
    let before = cloud.target().await;
    assert!(before.role_arn.ends_with(
        "role/aws-service-role/ec2.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest"
    ));
    let suspended_state =
        Some(SuspendedState { scheduled_scaling_suspended: Some(true), ..Default::default() });
    let input = RegisterScalableTargetRequest { suspended_state, ..bounds(None, Some(5)) };
    let arn = cloud.test.call(op::RegisterScalableTarget, input).await.unwrap().scalable_target_arn;
    let after = cloud.target().await;
    assert_eq!((after.min_capacity, after.max_capacity, after.creation_time), (1, 5, before.creation_time));
    assert_eq!(arn, before.scalable_target_arn);
    let state = after.suspended_state.unwrap();
    assert_eq!(
        (state.scheduled_scaling_suspended, state.dynamic_scaling_in_suspended),
        (Some(true), Some(false))
    );
}

#[tokio::test]
async fn tags_are_kept_until_the_target_is_deregistered() {
    let cloud = Cloud::new(2).await;
    let arn = cloud.target().await.scalable_target_arn.unwrap();
    let tag = |key: &str| [(key.to_owned(), "v".to_owned())].into();
    for key in ["a", "b"] {
        let input = TagResourceRequest { resource_arn: arn.clone(), tags: tag(key) };
        cloud.test.call(op::TagResource, input).await.unwrap();
    }
    let input = UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["a".to_owned()] };
    cloud.test.call(op::UntagResource, input).await.unwrap();
    let list = || ListTagsForResourceRequest { resource_arn: arn.clone() };
    assert_eq!(cloud.test.call(op::ListTagsForResource, list()).await.unwrap().tags, Some(tag("b")));
    let bad = TagResourceRequest { resource_arn: arn.clone(), tags: tag("aws:x") };
    assert_eq!(cloud.test.call(op::TagResource, bad).await.unwrap_err().code(), "ValidationException");
    cloud.test.call(op::DeregisterScalableTarget, gone()).await.unwrap();
    let error = cloud.test.call(op::ListTagsForResource, list()).await.unwrap_err();
    assert_eq!(error.code(), "ResourceNotFoundException");
    let error = cloud.test.call(op::DeregisterScalableTarget, gone()).await.unwrap_err();
    assert_eq!(error.code(), "ObjectNotFoundException");
}

#[tokio::test]
async fn what_no_target_may_be_is_refused() {
    let cloud = Cloud::new(2).await;
    cloud.test.call(op::DeregisterScalableTarget, gone()).await.unwrap();
    let ecs = RegisterScalableTargetRequest {
        service_namespace: "ecs".to_owned(),
        resource_id: "service/a/b".to_owned(),
        scalable_dimension: "ecs:service:DesiredCount".to_owned(),
        ..bounds(Some(1), Some(2))
    };
    let nobody = RegisterScalableTargetRequest {
        resource_id: "spot-fleet-request/sfr-2".to_owned(),
        ..bounds(Some(1), Some(2))
    };
    let bad = [
        (bounds(Some(1), None), "MinCapacity and MaxCapacity"),
        (bounds(Some(3), Some(2)), "cannot be less than minimum"),
        (bounds(Some(-1), Some(2)), "less than 0"),
        (ecs, "ecs:service:DesiredCount"),
        (nobody, "sfr-2"),
    ];
    for (input, words) in bad {
        let error = cloud.test.call(op::RegisterScalableTarget, input).await.unwrap_err();
        assert_eq!(error.code(), "ValidationException");
        assert!(error.message().contains(words), "{}", error.message());
    }
    let dimension_alone = DescribeScalableTargetsRequest {
        service_namespace: "ec2".to_owned(),
        scalable_dimension: Some(DIMENSION.to_owned()),
        ..Default::default()
    };
    let error = cloud.test.call(op::DescribeScalableTargets, dimension_alone).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException");
}
