//! Accounts come, move and go.

use api_iam::{GetRoleRequest, op as iam_op};
use api_organizations::*;

use crate::{cloud, make_account, make_unit, move_to, organize, root};

#[tokio::test]
async fn an_account_is_made_with_the_role_that_lets_its_maker_in() {
    let cloud = cloud().await;
    let organization = organize(&cloud).await;
    let account = make_account(&cloud, "dev").await;
    let role = GetRoleRequest { role_name: "OrganizationAccountAccessRole".into() };
    let role = cloud.as_account(&account).call(iam_op::GetRole, role).await.unwrap().role;
    assert_eq!(role.arn, format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole"));
    let seen = cloud.as_account(&account).call(op::DescribeOrganization, ()).await.unwrap();
    assert_eq!(seen.organization.unwrap().id, organization.id);
    // Nobody else may look, and a member may not manage.
    let refused = cloud.as_account("999999999999").call(op::DescribeOrganization, ()).await.unwrap_err();
    assert_eq!(refused.code(), "AWSOrganizationsNotInUseException");
    let list = ListAccountsRequest::default();
    let refused = cloud.as_account(&account).call(op::ListAccounts, list).await.unwrap_err();
    assert_eq!(refused.code(), "AccessDeniedException");
}

#[tokio::test]
async fn the_same_address_makes_no_second_account() {
    let cloud = cloud().await;
    organize(&cloud).await;
    make_account(&cloud, "dev").await;
    let again = CreateAccountRequest {
        email: "dev@example.org".into(),
        account_name: "again".into(),
        ..Default::default()
    };
    let status = cloud.call(op::CreateAccount, again).await.unwrap().create_account_status.unwrap();
    assert_eq!(status.state.as_deref(), Some("FAILED"));
    assert_eq!(status.failure_reason.as_deref(), Some("EMAIL_ALREADY_EXISTS"));
}

#[tokio::test]
async fn accounts_move_between_parents_that_exist() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let (root, account) = (root(&cloud).await, make_account(&cloud, "dev").await);
    let unit = make_unit(&cloud, &root, "unit").await.unwrap();
    let code = |outcome: Result<(), kernel::Error>| outcome.unwrap_err().code();
    assert_eq!(code(move_to(&cloud, &account, "r-none", &unit).await), "SourceParentNotFoundException");
    assert_eq!(code(move_to(&cloud, &account, &root, "r-none").await), "DestinationParentNotFoundException");
    assert_eq!(code(move_to(&cloud, &account, &root, &root).await), "DuplicateAccountException");
    move_to(&cloud, &account, &root, &unit).await.unwrap();
    let parents = ListParentsRequest { child_id: account.clone(), ..Default::default() };
    let parents = cloud.call(op::ListParents, parents).await.unwrap().parents.unwrap();
    assert_eq!(parents[0].id.as_deref(), Some(unit.as_str()));
    let delete = DeleteOrganizationalUnitRequest { organizational_unit_id: unit };
    assert_eq!(
        code(cloud.call(op::DeleteOrganizationalUnit, delete).await),
        "OrganizationalUnitNotEmptyException"
    );
    assert_eq!(code(cloud.call(op::DeleteOrganization, ()).await), "OrganizationNotEmptyException");
    assert_eq!(code(cloud.call(op::LeaveOrganization, ()).await), "MasterCannotLeaveOrganizationException");
    cloud.as_account(&account).call(op::LeaveOrganization, ()).await.unwrap();
    assert_eq!(
        code(cloud.as_account(&account).call(op::DescribeOrganization, ()).await.map(|_| ())),
        "AWSOrganizationsNotInUseException"
    );
}

#[tokio::test]
async fn units_are_five_deep_and_named_once() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let mut parent = root(&cloud).await;
    let top = make_unit(&cloud, &parent, "a").await.unwrap();
    let refused = make_unit(&cloud, &parent, "a").await.unwrap_err();
    assert_eq!(refused.code(), "DuplicateOrganizationalUnitException");
    parent = top;
    for _ in 0..4 {
        parent = make_unit(&cloud, &parent, "below").await.unwrap();
    }
    let refused = make_unit(&cloud, &parent, "below").await.unwrap_err();
    assert_eq!(refused.code(), "ConstraintViolationException");
}

#[tokio::test]
async fn everything_can_be_looked_at_in_pages() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let (root, account) = (root(&cloud).await, make_account(&cloud, "dev").await);
    let unit = make_unit(&cloud, &root, "before").await.unwrap();
    make_unit(&cloud, &root, "other").await.unwrap();
    let update =
        UpdateOrganizationalUnitRequest { organizational_unit_id: unit.clone(), name: Some("after".into()) };
    cloud.call(op::UpdateOrganizationalUnit, update).await.unwrap();
    let describe = DescribeOrganizationalUnitRequest { organizational_unit_id: unit };
    let shown = cloud.call(op::DescribeOrganizationalUnit, describe).await.unwrap();
    assert_eq!(shown.organizational_unit.unwrap().name.as_deref(), Some("after"));
    let shown = DescribeAccountRequest { account_id: account.clone() };
    let shown = cloud.call(op::DescribeAccount, shown).await.unwrap().account.unwrap();
    assert_eq!((shown.status.as_deref(), shown.name.as_deref()), (Some("ACTIVE"), Some("dev")));
    let policy = DescribePolicyRequest { policy_id: "p-FullAWSAccess".into() };
    let policy = cloud.call(op::DescribePolicy, policy).await.unwrap().policy.unwrap();
    assert_eq!(policy.policy_summary.unwrap().aws_managed, Some(true));

    let states = Some(vec!["SUCCEEDED".to_owned()]);
    let requests = ListCreateAccountStatusRequest { states, ..Default::default() };
    let requests = cloud.call(op::ListCreateAccountStatus, requests).await.unwrap();
    assert_eq!(requests.create_account_statuses.unwrap()[0].account_id, Some(account));
    let children =
        ListChildrenRequest { parent_id: root.clone(), child_type: "ACCOUNT".into(), ..Default::default() };
    let children = cloud.call(op::ListChildren, children).await.unwrap().children.unwrap();
    assert_eq!(children.len(), 2);
    let page = |next_token| ListOrganizationalUnitsForParentRequest {
        parent_id: root.clone(),
        next_token,
        max_results: Some(1),
    };
    let first = cloud.call(op::ListOrganizationalUnitsForParent, page(None)).await.unwrap();
    let second = cloud.call(op::ListOrganizationalUnitsForParent, page(first.next_token)).await.unwrap();
    let id = |units: Option<Vec<OrganizationalUnit>>| units.unwrap()[0].id.clone();
    assert_ne!(id(first.organizational_units), id(second.organizational_units));
    assert_eq!(second.next_token, None);
    let refused = cloud.call(op::ListOrganizationalUnitsForParent, page(Some("x".into()))).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidInputException");
}
