//! Who may launch and touch what: policies decide by resource, tag and key of the service.

use api_ec2 as api;
use api_ec2::op;
use kernel::testing::TestCloud;

use crate::cloud::{Cloud, cloud_with_roles};
use crate::identities::Known;
use crate::instance::{becomes, id, launch, run};
use crate::instance_profile::{EC2, by_name};

/// A user with these statements.
fn user((cloud, known): &(Cloud, Known), name: &str, statements: &str) -> TestCloud {
    cloud.as_identity(&known.user(name, statements), &format!("AIDA{name}"))
}

fn dry(request: api::RunInstancesRequest) -> api::RunInstancesRequest {
    api::RunInstancesRequest { dry_run: Some(true), ..request }
}

async fn outcome(user: &TestCloud, request: api::RunInstancesRequest) -> (&'static str, String) {
    let error = user.call(op::RunInstances, dry(request)).await.unwrap_err();
    (error.code(), error.message().to_owned())
}

const ALL_OTHERS: &str =
    r#"{"Effect":"Allow","Action":"ec2:RunInstances","NotResource":"arn:aws:ec2:*:*:instance/*"}"#;

#[tokio::test]
async fn a_launch_needs_leave_for_everything_it_makes_and_uses() {
    let house = cloud_with_roles().await;
    let only = r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*"}"#;
    let half = user(&house, "half", only);
    let (code, message) = outcome(&half, launch()).await;
    assert_eq!(code, "UnauthorizedOperation");
    assert!(!message.contains(":instance/"), "{message}");
    let whole = user(&house, "whole", &format!("{only},{ALL_OTHERS}"));
    assert_eq!(outcome(&whole, launch()).await.0, "DryRunOperation");
    let nobody = user(&house, "nobody", r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#);
    let unknown = api::RunInstancesRequest { image_id: Some("ami-?".to_owned()), ..launch() };
    assert_eq!(outcome(&nobody, unknown.clone()).await.0, "UnauthorizedOperation", "and learns no more");
    assert_eq!(outcome(&whole, unknown).await.0, "InvalidAMIID.Malformed");
}

#[tokio::test]
async fn the_size_may_be_bound_also_by_way_of_a_template() {
    let house = cloud_with_roles().await;
    let cloud = &house.0;
    let small = r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringEquals":{"ec2:InstanceType":"t3.micro","ec2:MetadataHttpTokens":"optional"}}}"#;
    let user = user(&house, "small", &format!("{small},{ALL_OTHERS}"));
    assert_eq!(outcome(&user, launch()).await.0, "DryRunOperation");
    let large = api::RunInstancesRequest { instance_type: Some("t3.small".to_owned()), ..launch() };
    assert_eq!(outcome(&user, large).await.0, "UnauthorizedOperation");
    let strict = api::InstanceMetadataOptionsRequest {
        http_tokens: Some("required".to_owned()),
        ..Default::default()
    };
    let strict = api::RunInstancesRequest { metadata_options: Some(strict), ..launch() };
    assert_eq!(outcome(&user, strict).await.0, "UnauthorizedOperation");
    for (name, size, code) in
        [("small", "t3.micro", "DryRunOperation"), ("large", "t3.small", "UnauthorizedOperation")]
    {
        let request = api::CreateLaunchTemplateRequest {
            launch_template_name: name.to_owned(),
            launch_template_data: api::RequestLaunchTemplateData {
                image_id: launch().image_id,
                instance_type: Some(size.to_owned()),
                ..Default::default()
            },
            ..Default::default()
        };
        cloud.call(op::CreateLaunchTemplate, request).await.unwrap();
        let template = api::LaunchTemplateSpecification {
            launch_template_name: Some(name.to_owned()),
            ..Default::default()
        };
        let request = api::RunInstancesRequest {
            launch_template: Some(template),
            min_count: 1,
            max_count: 1,
            ..Default::default()
        };
        assert_eq!(outcome(&user, request).await.0, code, "{name}");
    }
}

#[tokio::test]
async fn a_role_is_passed_by_who_may_pass_it() {
    let house = cloud_with_roles().await;
    let cloud = &house.0;
    house.1.profile("web", EC2);
    house.1.profile("admin", EC2);
    let pass = r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/web","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#;
    let all = r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#;
    let user = user(&house, "kim", &format!("{pass},{all}"));
    let with =
        |name: &str| api::RunInstancesRequest { iam_instance_profile: Some(by_name(name)), ..launch() };
    assert_eq!(outcome(&user, with("web")).await.0, "DryRunOperation");
    let (code, message) = outcome(&user, with("admin")).await;
    assert_eq!(code, "UnauthorizedOperation");
    assert!(message.contains("iam:PassRole") && message.contains("role/admin"), "{message}");
    let instance = id(&run(cloud, launch()).await);
    becomes(cloud, &instance, "running").await;
    let associate = |name: &str| api::AssociateIamInstanceProfileRequest {
        iam_instance_profile: by_name(name),
        instance_id: instance.clone(),
    };
    let error = user.call(op::AssociateIamInstanceProfile, associate("admin")).await.unwrap_err();
    assert_eq!(error.code(), "UnauthorizedOperation");
    user.call(op::AssociateIamInstanceProfile, associate("web")).await.unwrap();
}

#[tokio::test]
async fn tags_decide_at_the_launch_and_after_it() {
    let house = cloud_with_roles().await;
    let cloud = &house.0;
    let launching = r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}"#;
    let tagging = r#"{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringEquals":{"ec2:CreateAction":"RunInstances","aws:RequestTag/team":"red"}}}"#;
    let stopping = r#"{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringEquals":{"ec2:ResourceTag/team":"red"}}}"#;
    let user = user(&house, "kim", &format!("{launching},{tagging},{stopping}"));
    let of = |team: &str| {
        let tag = api::Tag { key: Some("team".to_owned()), value: Some(team.to_owned()) };
        let tags =
            api::TagSpecification { resource_type: Some("instance".to_owned()), tags: Some(vec![tag]) };
        api::RunInstancesRequest { tag_specifications: Some(vec![tags]), ..launch() }
    };
    assert_eq!(outcome(&user, of("red")).await.0, "DryRunOperation");
    let (code, message) = outcome(&user, of("blue")).await;
    assert_eq!(code, "UnauthorizedOperation");
    assert!(message.contains("ec2:CreateTags"), "{message}");
    for (team, expected) in [("blue", Some("UnauthorizedOperation")), ("red", None)] {
        let instance = id(&run(cloud, of(team)).await);
        becomes(cloud, &instance, "running").await;
        let request = api::StopInstancesRequest { instance_ids: vec![instance], ..Default::default() };
        let answer = user.call(op::StopInstances, request).await;
        assert_eq!(answer.err().map(|error| error.code()), expected, "{team}");
    }
}
