//! What is wrong is refused in AWS's words, and changes nothing.

use api_autoscaling::*;

use crate::cloud::{Cloud, template};

#[test]
fn every_listed_operation_is_declared() {
    let service = autoscaling::service(&kernel::Plugs::default());
    let declared: Vec<_> = service.declared().collect();
    let listed: Vec<_> = service.def().ops.iter().map(|op| op.name).collect();
    for name in listed {
        assert!(declared.contains(&name), "{name} is listed and not declared");
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
        CreateAutoScalingGroupType { max_instance_lifetime: Some(31_536_001), ..good() },
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
    cloud.test.call(op::CreateAutoScalingGroup, good()).await.unwrap();
    let twice = cloud.test.call(op::CreateAutoScalingGroup, good()).await.unwrap_err();
    assert_eq!(twice.query_code(), "AlreadyExists");
}
