//! Organizations on a whole house: the tree, and what its policies make impossible.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod account;
mod handshake;
mod limits;

use std::sync::Arc;

use api_organizations::*;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Plugs, Sealer};

pub async fn cloud() -> TestCloud {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; KeySealer::KEY_BYTES]).unwrap());
    let plugs = Plugs::default().with(sealer);
    let services = vec![iam::service(&plugs), organizations::service(&plugs), sqs::service(&plugs)];
    TestCloud::new(services).await
}

pub async fn organize(cloud: &TestCloud) -> Organization {
    let made = cloud.call(op::CreateOrganization, CreateOrganizationRequest::default()).await;
    made.unwrap().organization.unwrap()
}

pub async fn root(cloud: &TestCloud) -> String {
    let roots = cloud.call(op::ListRoots, ListRootsRequest::default()).await.unwrap().roots.unwrap();
    roots[0].id.clone().unwrap()
}

/// Makes an account and gives its number.
pub async fn make_account(cloud: &TestCloud, name: &str) -> String {
    let input = CreateAccountRequest {
        email: format!("{name}@example.org"),
        account_name: name.to_owned(),
        ..Default::default()
    };
    let status = cloud.call(op::CreateAccount, input).await.unwrap().create_account_status.unwrap();
    let id = status.id.unwrap();
    let made = cloud.eventually("the account is made", async || {
        let input = DescribeCreateAccountStatusRequest { create_account_request_id: id.clone() };
        let status = cloud.call(op::DescribeCreateAccountStatus, input).await.unwrap();
        status.create_account_status.unwrap().account_id
    });
    made.await
}

pub async fn make_unit(cloud: &TestCloud, parent: &str, name: &str) -> Result<String, Error> {
    let input = CreateOrganizationalUnitRequest {
        parent_id: parent.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    };
    let made = cloud.call(op::CreateOrganizationalUnit, input).await?;
    Ok(made.organizational_unit.unwrap().id.unwrap())
}

pub async fn make_policy(cloud: &TestCloud, name: &str, kind: &str, content: &str) -> Result<String, Error> {
    let input = CreatePolicyRequest {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        content: content.to_owned(),
        ..Default::default()
    };
    Ok(cloud.call(op::CreatePolicy, input).await?.policy.unwrap().policy_summary.unwrap().id.unwrap())
}

pub async fn attach(cloud: &TestCloud, policy: &str, target: &str) -> Result<(), Error> {
    let input = AttachPolicyRequest { policy_id: policy.to_owned(), target_id: target.to_owned() };
    cloud.call(op::AttachPolicy, input).await
}

pub async fn detach(cloud: &TestCloud, policy: &str, target: &str) -> Result<(), Error> {
    let input = DetachPolicyRequest { policy_id: policy.to_owned(), target_id: target.to_owned() };
    cloud.call(op::DetachPolicy, input).await
}

pub async fn move_to(cloud: &TestCloud, account: &str, from: &str, to: &str) -> Result<(), Error> {
    let input = MoveAccountRequest {
        account_id: account.to_owned(),
        source_parent_id: from.to_owned(),
        destination_parent_id: to.to_owned(),
    };
    cloud.call(op::MoveAccount, input).await
}
