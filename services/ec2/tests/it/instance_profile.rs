//! Roles of instances: profiles are asked of IAM, and the metadata service hands out credentials that hold.

use api_ec2 as api;
use api_ec2::op;
use kernel::Credentials;

use crate::cloud::{Cloud, cloud_with_roles};
use crate::imds::{Guest, guest};
use crate::instance::{becomes, describe, id, launch, run, running};

pub(crate) const EC2: &str = "ec2.amazonaws.com";

pub(crate) fn by_name(name: &str) -> api::IamInstanceProfileSpecification {
    api::IamInstanceProfileSpecification { name: Some(name.to_owned()), ..Default::default() }
}

fn by_arn(arn: &str) -> api::IamInstanceProfileSpecification {
    api::IamInstanceProfileSpecification { arn: Some(arn.to_owned()), ..Default::default() }
}

fn with(profile: api::IamInstanceProfileSpecification) -> api::RunInstancesRequest {
    api::RunInstancesRequest { iam_instance_profile: Some(profile), ..launch() }
}

async fn associations(cloud: &Cloud) -> Vec<api::IamInstanceProfileAssociation> {
    let request = api::DescribeIamInstanceProfileAssociationsRequest::default();
    let output = cloud.call(op::DescribeIamInstanceProfileAssociations, request).await.unwrap();
    output.iam_instance_profile_associations.unwrap()
}

#[tokio::test]
async fn a_launch_names_a_profile_that_is_there_and_has_a_role() {
    let (cloud, known) = cloud_with_roles().await;
    let arn = known.profile("web", EC2);
    let empty = known.empty_profile("empty");
    let both = api::IamInstanceProfileSpecification { arn: Some(arn.clone()), ..by_name("web") };
    let foreign = arn.replace("000000000000", "111111111111");
    for (profile, code, word) in [
        (by_name("none"), "InvalidParameterValue", "Invalid IAM Instance Profile name"),
        (by_arn(&foreign), "InvalidParameterValue", "Invalid IAM Instance Profile ARN"),
        (by_arn("web"), "InvalidIamInstanceProfileArn.Malformed", "is malformed"),
        (by_arn(&empty), "InvalidParameterValue", "has no associated IAM Roles"),
        (both, "InvalidParameterCombination", "may not be used in combination"),
    ] {
        let error = cloud.call(op::RunInstances, with(profile)).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.message().contains(word), "{}", error.message());
    }
    for profile in [by_name("web"), by_arn(&arn)] {
        let instance = run(&cloud, with(profile)).await;
        assert_eq!(instance.iam_instance_profile.unwrap().arn.as_deref(), Some(arn.as_str()));
    }
    assert_eq!(associations(&cloud).await.len(), 2);
}

#[tokio::test]
async fn profiles_come_change_and_go_while_an_instance_runs() {
    let (cloud, known) = cloud_with_roles().await;
    let (web, job) = (known.profile("web", EC2), known.profile("job", EC2));
    let instance = running(&cloud).await;
    let associate = |name: &str| api::AssociateIamInstanceProfileRequest {
        iam_instance_profile: by_name(name),
        instance_id: instance.clone(),
    };
    let made = cloud.call(op::AssociateIamInstanceProfile, associate("web")).await.unwrap();
    let made = made.iam_instance_profile_association.unwrap();
    assert_eq!(made.state.as_deref(), Some("associating"));
    assert_eq!(made.iam_instance_profile.unwrap().arn.as_deref(), Some(web.as_str()));
    let twice = cloud.call(op::AssociateIamInstanceProfile, associate("web")).await.unwrap_err();
    assert_eq!(twice.code(), "IncorrectState");
    let replace = |association: &str| api::ReplaceIamInstanceProfileAssociationRequest {
        iam_instance_profile: by_name("job"),
        association_id: association.to_owned(),
    };
    let first = made.association_id.unwrap();
    let replaced = cloud.call(op::ReplaceIamInstanceProfileAssociation, replace(&first)).await.unwrap();
    let second = replaced.iam_instance_profile_association.unwrap().association_id.unwrap();
    assert_ne!(first, second);
    let gone = cloud.call(op::ReplaceIamInstanceProfileAssociation, replace(&first)).await.unwrap_err();
    assert_eq!(gone.code(), "InvalidAssociationID.NotFound");
    let seen = describe(&cloud, &instance).await.iam_instance_profile.unwrap();
    assert_eq!(seen.arn.as_deref(), Some(job.as_str()));
    let request = api::DisassociateIamInstanceProfileRequest { association_id: second };
    cloud.call(op::DisassociateIamInstanceProfile, request.clone()).await.unwrap();
    assert_eq!(
        cloud.call(op::DisassociateIamInstanceProfile, request).await.unwrap_err().code(),
        "InvalidAssociationID.NotFound"
    );
    assert!(describe(&cloud, &instance).await.iam_instance_profile.is_none());
    assert!(associations(&cloud).await.is_empty());
}

const ROLE_PATH: &str = "/latest/meta-data/iam/security-credentials/";

async fn credentials(guest: &Guest, role: &str) -> serde_json::Value {
    serde_json::from_str(&guest.get(&format!("{ROLE_PATH}{role}")).await.1).unwrap()
}

async fn principal(cloud: &Cloud, document: &serde_json::Value) -> Result<String, String> {
    let key = document["AccessKeyId"].as_str().unwrap();
    let found = cloud.house.find(key, document["Token"].as_str()).await;
    let found = found.map_err(|none| format!("{none:?}"))?;
    assert_eq!(&*found.secret, document["SecretAccessKey"].as_str().unwrap());
    Ok(format!("{:?}", found.principal))
}

#[tokio::test]
async fn an_instance_is_given_credentials_that_hold_and_others_before_they_end() {
    let (cloud, known) = cloud_with_roles().await;
    known.profile("web", EC2);
    let (guest, instance) = guest(&cloud, with(by_name("web"))).await;
    assert_eq!(guest.get(ROLE_PATH).await.1, "web");
    let info: serde_json::Value =
        serde_json::from_str(&guest.get("/latest/meta-data/iam/info").await.1).unwrap();
    assert_eq!(info["Code"], "Success");
    let first = credentials(&guest, "web").await;
    assert_eq!(first["Type"], "AWS-HMAC");
    let session = format!("assumed-role/web/{}", instance.instance_id.unwrap());
    assert!(principal(&cloud, &first).await.unwrap().contains(&session));
    cloud.advance(4 * 3_600_000);
    assert_eq!(credentials(&guest, "web").await, first, "the same for hours");
    cloud.advance(3_600_000 + 60_000);
    let second = credentials(&guest, "web").await;
    assert_ne!(second["AccessKeyId"], first["AccessKeyId"], "others before they end");
    assert!(principal(&cloud, &first).await.is_ok(), "the old ones still hold");
    cloud.advance(3_600_000);
    assert!(principal(&cloud, &first).await.unwrap_err().contains("Expired"));
    assert!(principal(&cloud, &second).await.is_ok());
}

#[tokio::test]
async fn a_role_that_does_not_trust_ec2_gives_a_reason_and_no_credentials() {
    let (cloud, known) = cloud_with_roles().await;
    known.profile("job", "lambda.amazonaws.com");
    let (with_job, _) = guest(&cloud, with(by_name("job"))).await;
    let document = credentials(&with_job, "job").await;
    assert_eq!(document["Code"], "AssumeRoleUnauthorizedAccess");
    assert!(document.get("AccessKeyId").is_none());
    let plain = id(&run(&cloud, launch()).await);
    let instance = becomes(&cloud, &plain, "running").await;
    let address = instance.private_ip_address.unwrap().parse().unwrap();
    let without = Guest { address, ..with_job };
    assert_eq!(without.get(ROLE_PATH).await.0, hyper::StatusCode::NOT_FOUND);
    assert!(!without.get("/latest/meta-data/").await.1.contains("iam/"));
}
