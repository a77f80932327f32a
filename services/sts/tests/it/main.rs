//! STS on a whole house, with the services that keep identities and queues, and a clock that only tests move.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod assume_role;
mod caller;
mod federation_token;
mod narrowing;
mod saml;
mod session_token;
mod trust_record;
mod web_identity;

use std::sync::Arc;

use api_iam as iam_api;
use api_sts::*;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Plugs, Sealer};

pub const ACCOUNT: &str = "000000000000";

pub async fn cloud() -> TestCloud {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; KeySealer::KEY_BYTES]).unwrap());
    let plugs = Plugs::default().with(sealer);
    TestCloud::new(vec![iam::service(&plugs), sqs::service(&plugs), sts::service(&plugs)]).await
}

/// The code a query client sees, and the message.
pub fn refusal<T>(outcome: Result<T, Error>) -> (&'static str, String) {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.query_code(), error.message().to_owned()),
    }
}

/// A document of one statement.
pub fn allow(action: &str, more: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{action},{more}}}]}}"#)
}

pub fn on_all(action: &str) -> String {
    allow(&format!("\"{action}\""), r#""Resource":"*""#)
}

/// A trust policy for everybody of an account whose policies allow it.
pub fn trust(account: &str, more: &str) -> String {
    allow(
        r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#,
        &format!(r#""Principal":{{"AWS":"{account}"}}{more}"#),
    )
}

/// Makes a role that may do everything with queues, and gives its ARN.
pub async fn make_role(cloud: &TestCloud, name: &str, trust: &str) -> String {
    let role = iam_api::CreateRoleRequest {
        role_name: name.into(),
        assume_role_policy_document: trust.into(),
        max_session_duration: Some(7_200),
        ..Default::default()
    };
    let role = cloud.call(iam_api::op::CreateRole, role).await.unwrap().role;
    put_role_policy(cloud, name, &on_all("*")).await;
    role.arn
}

pub async fn put_role_policy(cloud: &TestCloud, name: &str, document: &str) {
    let put = iam_api::PutRolePolicyRequest {
        role_name: name.into(),
        policy_name: "p".into(),
        policy_document: document.into(),
    };
    cloud.call(iam_api::op::PutRolePolicy, put).await.unwrap();
}

/// A user of the cloud's account with a policy, and the cloud as it sees it.
pub async fn make_user(cloud: &TestCloud, name: &str, document: &str) -> TestCloud {
    let user = iam_api::CreateUserRequest { user_name: name.into(), ..Default::default() };
    cloud.call(iam_api::op::CreateUser, user).await.unwrap();
    let put = iam_api::PutUserPolicyRequest {
        user_name: name.into(),
        policy_name: "p".into(),
        policy_document: document.into(),
    };
    cloud.call(iam_api::op::PutUserPolicy, put).await.unwrap();
    let key = iam_api::CreateAccessKeyRequest { user_name: Some(name.into()) };
    let key = cloud.call(iam_api::op::CreateAccessKey, key).await.unwrap().access_key;
    cloud.signed_with(&key.access_key_id, None).await.unwrap()
}

pub fn asking(role: &str) -> AssumeRoleRequest {
    AssumeRoleRequest { role_arn: role.into(), role_session_name: "job".into(), ..Default::default() }
}

/// The cloud as the holder of credentials sees it.
pub async fn with(cloud: &TestCloud, credentials: Option<Credentials>) -> TestCloud {
    let credentials = credentials.unwrap();
    cloud.signed_with(&credentials.access_key_id, Some(&credentials.session_token)).await.unwrap()
}

pub async fn assume(cloud: &TestCloud, input: AssumeRoleRequest) -> TestCloud {
    let answer = cloud.call(op::AssumeRole, input).await.unwrap();
    with(cloud, answer.credentials).await
}

pub async fn who(cloud: &TestCloud) -> GetCallerIdentityResponse {
    cloud.call(op::GetCallerIdentity, GetCallerIdentityRequest::default()).await.unwrap()
}

pub async fn make_queue(cloud: &TestCloud, name: &str) -> Result<(), Error> {
    let input = api_sqs::CreateQueueRequest { queue_name: name.into(), ..Default::default() };
    cloud.call(api_sqs::op::CreateQueue, input).await.map(|_| ())
}

pub fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}
