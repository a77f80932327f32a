//! IAM on a whole house with a clock that only tests move.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod access_report;
mod account;
mod credential;
mod directory;
mod group;
mod linked_role;
mod mfa_device;
mod oidc_provider;
mod policy;
mod restart;
mod role;
mod saml_provider;
mod server_certificate;
mod simulation;
mod user;

use std::sync::Arc;

use api_iam::*;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Plugs, Sealer, Service};

pub fn service() -> Service {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; KeySealer::KEY_BYTES]).unwrap());
    iam::service(&Plugs::default().with(sealer))
}

pub async fn cloud() -> TestCloud {
    TestCloud::new(vec![service()]).await
}

/// The code a query client sees, and the message.
pub fn refusal<T>(outcome: Result<T, Error>) -> (&'static str, String) {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.query_code(), error.message().to_owned()),
    }
}

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A document of one statement.
pub fn document(effect: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}]}}"#
    )
}

pub fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

pub async fn make_user(cloud: &TestCloud, name: &str) -> User {
    let input = CreateUserRequest { user_name: name.into(), ..Default::default() };
    cloud.call(op::CreateUser, input).await.unwrap().user.unwrap()
}

pub async fn make_group(cloud: &TestCloud, name: &str) -> Group {
    let input = CreateGroupRequest { group_name: name.into(), ..Default::default() };
    cloud.call(op::CreateGroup, input).await.unwrap().group
}

pub async fn make_role(cloud: &TestCloud, name: &str) -> Role {
    let input = CreateRoleRequest {
        role_name: name.into(),
        assume_role_policy_document: TRUST.into(),
        ..Default::default()
    };
    cloud.call(op::CreateRole, input).await.unwrap().role
}

/// Makes a managed policy and gives its ARN.
pub async fn make_policy(cloud: &TestCloud, name: &str, document: &str) -> String {
    let input = CreatePolicyRequest {
        policy_name: name.into(),
        policy_document: document.into(),
        ..Default::default()
    };
    cloud.call(op::CreatePolicy, input).await.unwrap().policy.unwrap().arn.unwrap()
}

pub async fn make_key(cloud: &TestCloud, user: &str) -> AccessKey {
    let input = CreateAccessKeyRequest { user_name: Some(user.into()) };
    cloud.call(op::CreateAccessKey, input).await.unwrap().access_key
}

pub async fn attach_user(cloud: &TestCloud, user: &str, arn: &str) -> Result<(), Error> {
    cloud
        .call(
            op::AttachUserPolicy,
            AttachUserPolicyRequest { user_name: user.into(), policy_arn: arn.into() },
        )
        .await
}

pub async fn put_user(cloud: &TestCloud, user: &str, name: &str, document: &str) -> Result<(), Error> {
    let input = PutUserPolicyRequest {
        user_name: user.into(),
        policy_name: name.into(),
        policy_document: document.into(),
    };
    cloud.call(op::PutUserPolicy, input).await
}

pub async fn join(cloud: &TestCloud, group: &str, user: &str) -> Result<(), Error> {
    let input = AddUserToGroupRequest { group_name: group.into(), user_name: user.into() };
    cloud.call(op::AddUserToGroup, input).await
}

pub async fn get_user(cloud: &TestCloud, name: &str) -> Result<User, Error> {
    Ok(cloud.call(op::GetUser, GetUserRequest { user_name: Some(name.into()) }).await?.user)
}
