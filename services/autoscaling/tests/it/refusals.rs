//! What is wrong is refused in AWS's words, and changes nothing.

use api_autoscaling::*;

use crate::cloud::{Cloud, GROUP, template};

#[test]
fn every_listed_operation_is_declared() {
    let service = autoscaling::service(&kernel::Plugs::default());
    let declared: Vec<_> = service.declared().collect();
    let listed: Vec<_> = service.def().ops.iter().map(|op| op.name).collect();
    for name in listed {
        assert!(declared.contains(&name), "{name} is listed and not declared");
    }
}

fn tag(group: &str) -> Tag {
    Tag { key: "k".to_owned(), resource_id: Some(group.to_owned()), ..Default::default() }
}

fn hook(name: &str) -> LifecycleHookSpecification {
    LifecycleHookSpecification {
        lifecycle_hook_name: name.to_owned(),
        lifecycle_transition: "autoscaling:EC2_INSTANCE_LAUNCHING".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    let cloud = Cloud::new().await;
    let good = || Cloud::asked(1, 2);
    let bad = [
        CreateAutoScalingGroupType { max_size: 0, ..good() },
        CreateAutoScalingGroupType { desired_capacity: Some(3), ..good() },
        CreateAutoScalingGroupType { launch_template: None, ..good() },
        CreateAutoScalingGroupType { launch_configuration_name: Some("x".to_owned()), ..good() },
        CreateAutoScalingGroupType { vpc_zone_identifier: None, ..good() },
        CreateAutoScalingGroupType { auto_scaling_group_name: "a:b".to_owned(), ..good() },
        CreateAutoScalingGroupType { health_check_type: Some("PULSE".to_owned()), ..good() },
        CreateAutoScalingGroupType { termination_policies: Some(vec!["Eeny".to_owned()]), ..good() },
        CreateAutoScalingGroupType { max_instance_lifetime: Some(60), ..good() },
        CreateAutoScalingGroupType { tags: Some(vec![tag("other")]), ..good() },
        CreateAutoScalingGroupType {
            lifecycle_hook_specification_list: Some(vec![hook("h"), hook("h")]),
            ..good()
        },
        CreateAutoScalingGroupType { max_instance_lifetime: Some(31_536_001), ..good() },
        CreateAutoScalingGroupType {
            service_linked_role_arn: Some("arn:aws:iam::000000000000:role/nix".to_owned()),
            ..good()
        },
        CreateAutoScalingGroupType {
            launch_template: Some(LaunchTemplateSpecification {
                launch_template_name: Some("web".to_owned()),
                ..template("1")
            }),
            ..good()
        },
    ];
    for (at, asked) in bad.into_iter().enumerate() {
        let refused = cloud.test.call(op::CreateAutoScalingGroup, asked).await;
        assert_eq!(refused.map_err(|error| error.code()).unwrap_err(), "ValidationError", "number {at}");
    }
    let found = cloud.test.call(op::DescribeAutoScalingGroups, Default::default()).await.unwrap();
    assert!(found.auto_scaling_groups.is_empty());
    let fits = CreateAutoScalingGroupType {
        tags: Some(vec![tag(GROUP)]),
        lifecycle_hook_specification_list: Some(vec![hook("h"), hook("i")]),
        ..good()
    };
    cloud.test.call(op::CreateAutoScalingGroup, fits).await.unwrap();
    let twice = cloud.test.call(op::CreateAutoScalingGroup, good()).await.unwrap_err();
    assert_eq!(twice.query_code(), "AlreadyExists");
}

#[tokio::test]
async fn policies_say_nothing_of_other_types_and_nothing_negative() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(0, 2)).await.unwrap();
    let base = |kind: &str| PutScalingPolicyType {
        auto_scaling_group_name: GROUP.to_owned(),
        policy_name: "p".to_owned(),
        policy_type: Some(kind.to_owned()),
        ..Default::default()
    };
    let simple = || PutScalingPolicyType {
        adjustment_type: Some("ExactCapacity".to_owned()),
        scaling_adjustment: Some(1),
        ..base("SimpleScaling")
    };
    let tracked = |metric: &str, label: Option<&str>| PutScalingPolicyType {
        target_tracking_configuration: Some(TargetTrackingConfiguration {
            target_value: 50.0,
            predefined_metric_specification: Some(PredefinedMetricSpecification {
                predefined_metric_type: metric.to_owned(),
                resource_label: label.map(str::to_owned),
            }),
            ..Default::default()
        }),
        ..base("TargetTrackingScaling")
    };
    let cpu = || tracked("ASGAverageCPUUtilization", None);
    let elsewhere = "app/lb/0123456789abcdef/targetgroup/other/0123456789abcdef";
    let bad = [
        PutScalingPolicyType { scaling_adjustment: Some(-1), ..simple() },
        PutScalingPolicyType { cooldown: Some(-5), ..simple() },
        PutScalingPolicyType { estimated_instance_warmup: Some(5), ..simple() },
        PutScalingPolicyType { metric_aggregation_type: Some("Average".to_owned()), ..simple() },
        PutScalingPolicyType { cooldown: Some(5), ..cpu() },
        PutScalingPolicyType { estimated_instance_warmup: Some(-9), ..cpu() },
        PutScalingPolicyType { min_adjustment_magnitude: Some(1), ..cpu() },
        tracked("ALBRequestCountPerTarget", Some(elsewhere)),
    ];
    for (at, asked) in bad.into_iter().enumerate() {
        let refused = cloud.test.call(op::PutScalingPolicy, asked).await;
        assert_eq!(refused.map_err(|error| error.code()).unwrap_err(), "ValidationError", "number {at}");
    }
    let found = cloud.test.call(op::DescribePolicies, Default::default()).await.unwrap();
    assert!(found.scaling_policies.unwrap().is_empty());
    cloud.test.call(op::PutScalingPolicy, simple()).await.unwrap();
}

#[tokio::test]
async fn pages_names_and_sizes_have_bounds() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(0, 2)).await.unwrap();
    let groups = async |max_records| {
        let input = AutoScalingGroupNamesType { max_records: Some(max_records), ..Default::default() };
        cloud.test.call(op::DescribeAutoScalingGroups, input).await.is_ok()
    };
    assert_eq!((groups(0).await, groups(100).await, groups(101).await), (false, true, false));
    let instances = async |count: usize, max_records| {
        let instance_ids = Some((0..count).map(|number| format!("i-{number}")).collect());
        let input = DescribeAutoScalingInstancesType { instance_ids, max_records, ..Default::default() };
        cloud.test.call(op::DescribeAutoScalingInstances, input).await.is_ok()
    };
    assert_eq!((instances(50, Some(50)).await, instances(50, Some(51)).await), (true, false));
    assert!(!instances(51, None).await);
    let action = PutScheduledUpdateGroupActionType {
        auto_scaling_group_name: GROUP.to_owned(),
        scheduled_action_name: "a".to_owned(),
        recurrence: Some("0 9 * * *".to_owned()),
        min_size: Some(-1),
        ..Default::default()
    };
    let refused = cloud.test.call(op::PutScheduledUpdateGroupAction, action).await.unwrap_err();
    assert_eq!(refused.message(), "Min and max bounds must be 0 or more.");
}
