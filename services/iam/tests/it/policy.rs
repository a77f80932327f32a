//! Managed policies, their versions, and who uses them.

use crate::*;

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn version(arn: &str, set_as_default: bool) -> CreatePolicyVersionRequest {
    CreatePolicyVersionRequest {
        policy_arn: arn.into(),
        policy_document: document("Deny", "s3:*"),
        set_as_default: Some(set_as_default),
    }
}

#[tokio::test]
async fn a_policy_has_five_versions_one_of_which_counts() {
    let cloud = cloud().await;
    let arn = make_policy(&cloud, "p", &document("Allow", "s3:*")).await;
    assert_eq!(arn, "arn:aws:iam::000000000000:policy/p");
    for n in 2..=5 {
        let made = cloud.call(op::CreatePolicyVersion, version(&arn, n == 3)).await.unwrap();
        assert_eq!(made.policy_version.unwrap().version_id, Some(format!("v{n}")));
    }
    assert_eq!(refusal(cloud.call(op::CreatePolicyVersion, version(&arn, false)).await).0, "LimitExceeded");
    let list = ListPolicyVersionsRequest { policy_arn: arn.clone(), ..Default::default() };
    let versions = cloud.call(op::ListPolicyVersions, list).await.unwrap().versions.unwrap();
    let shown: Vec<_> =
        versions.iter().map(|v| (v.version_id.as_deref().unwrap(), v.is_default_version.unwrap())).collect();
    assert_eq!(shown, [("v5", false), ("v4", false), ("v3", true), ("v2", false), ("v1", false)]);
    let delete = |id: &str| DeletePolicyVersionRequest { policy_arn: arn.clone(), version_id: id.into() };
    let counts = refusal(cloud.call(op::DeletePolicyVersion, delete("v3")).await);
    assert_eq!(counts, ("DeleteConflict", "Cannot delete the default version of a policy.".into()));
    let none = refusal(cloud.call(op::DeletePolicyVersion, delete("v9")).await).1;
    assert_eq!(none, format!("Policy {arn} version v9 does not exist or is not attachable."));
    let set = SetDefaultPolicyVersionRequest { policy_arn: arn.clone(), version_id: "v1".into() };
    cloud.call(op::SetDefaultPolicyVersion, set).await.unwrap();
    let drop = || DeletePolicyRequest { policy_arn: arn.clone() };
    assert_eq!(refusal(cloud.call(op::DeletePolicy, drop()).await).0, "DeleteConflict");
    for id in ["v2", "v3", "v4", "v5"] {
        cloud.call(op::DeletePolicyVersion, delete(id)).await.unwrap();
    }
    let sixth = cloud.call(op::CreatePolicyVersion, version(&arn, false)).await.unwrap();
    assert_eq!(
        sixth.policy_version.unwrap().version_id.as_deref(),
        Some("v6"),
        "numbers are not given twice"
    );
    cloud.call(op::DeletePolicyVersion, delete("v6")).await.unwrap();
    cloud.call(op::DeletePolicy, drop()).await.unwrap();
    let gone = refusal(cloud.call(op::GetPolicy, GetPolicyRequest { policy_arn: arn.clone() }).await);
    assert_eq!(gone, ("NoSuchEntity", format!("Policy {arn} was not found.")));
}

#[tokio::test]
async fn policies_are_attached_counted_and_named_by_arn() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    make_role(&cloud, "r").await;
    let arn = make_policy(&cloud, "p", &document("Allow", "s3:*")).await;
    assert_eq!(
        refusal(attach_user(&cloud, "kim", "nonsense-without-colons").await),
        ("InvalidInput", "ARN nonsense-without-colons is not valid.".into())
    );
    let unknown = "arn:aws:iam::000000000000:policy/none";
    assert_eq!(
        refusal(attach_user(&cloud, "kim", unknown).await).1,
        format!("Policy {unknown} does not exist or is not attachable.")
    );
    attach_user(&cloud, "kim", &arn).await.unwrap();
    attach_user(&cloud, "kim", &arn).await.unwrap();
    attach_user(&cloud, "kim", ADMIN).await.unwrap();
    let bound =
        PutRolePermissionsBoundaryRequest { role_name: "r".into(), permissions_boundary: arn.clone() };
    cloud.call(op::PutRolePermissionsBoundary, bound).await.unwrap();
    let get = || GetPolicyRequest { policy_arn: arn.clone() };
    let policy = cloud.call(op::GetPolicy, get()).await.unwrap().policy.unwrap();
    assert_eq!((policy.attachment_count, policy.permissions_boundary_usage_count), (Some(1), Some(1)));
    let entities = ListEntitiesForPolicyRequest { policy_arn: arn.clone(), ..Default::default() };
    let entities = cloud.call(op::ListEntitiesForPolicy, entities).await.unwrap();
    assert_eq!(entities.policy_users.unwrap()[0].user_name.as_deref(), Some("kim"));
    assert_eq!(entities.policy_roles.unwrap()[0].role_name.as_deref(), Some("r"));
    let list = ListAttachedUserPoliciesRequest { user_name: "kim".into(), ..Default::default() };
    let attached = cloud.call(op::ListAttachedUserPolicies, list).await.unwrap().attached_policies.unwrap();
    assert_eq!(
        attached.iter().map(|one| one.policy_name.as_deref().unwrap()).collect::<Vec<_>>(),
        ["p", "AdministratorAccess"]
    );
    assert_eq!(
        refusal(cloud.call(op::DeletePolicy, DeletePolicyRequest { policy_arn: arn.clone() }).await).1,
        "Cannot delete a policy attached to entities."
    );
    cloud.call(op::DeleteRole, DeleteRoleRequest { role_name: "r".into() }).await.unwrap();
    let policy = cloud.call(op::GetPolicy, get()).await.unwrap().policy.unwrap();
    assert_eq!(policy.permissions_boundary_usage_count, Some(0));
    let none = DetachUserPolicyRequest { user_name: "kim".into(), policy_arn: unknown.into() };
    assert_eq!(
        refusal(cloud.call(op::DetachUserPolicy, none).await).1,
        format!("Policy {unknown} was not found.")
    );
}

#[tokio::test]
async fn the_policies_everybody_knows_are_there_and_fixed() {
    let cloud = cloud().await;
    let list = |scope: &str| ListPoliciesRequest { scope: Some(scope.into()), ..Default::default() };
    let known = cloud.call(op::ListPolicies, list("AWS")).await.unwrap().policies.unwrap();
    assert!(known.iter().any(|policy| policy.arn.as_deref() == Some(ADMIN)));
    for policy in &known {
        let get = GetPolicyVersionRequest {
            policy_arn: policy.arn.clone().unwrap(),
            version_id: policy.default_version_id.clone().unwrap(),
        };
        cloud.call(op::GetPolicyVersion, get).await.unwrap();
        make_user(&cloud, policy.policy_name.as_deref().unwrap()).await;
        attach_user(&cloud, policy.policy_name.as_deref().unwrap(), policy.arn.as_deref().unwrap())
            .await
            .unwrap();
        let own = cloud.scope();
        let home = iam::state::home_of(own.account, own.partition());
        let name = policy.policy_name.as_deref().unwrap();
        let kind = iam::state::identity::Kind::User;
        let applied =
            iam::state::directory::policies_of_named(&cloud.ctx("iam"), &home, kind, name).await.unwrap();
        assert_eq!(applied.unwrap().grants.identity.len(), 1, "{name} compiles");
    }
    assert!(cloud.call(op::ListPolicies, list("Local")).await.unwrap().policies.unwrap().is_empty());
    let change = refusal(cloud.call(op::CreatePolicyVersion, version(ADMIN, true)).await);
    assert_eq!(change.0, "AccessDenied");
}
