//! Roles and instance profiles.

use crate::*;

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r").await;
    assert_eq!((role.arn.as_str(), role.max_session_duration), ("arn:aws:iam::000000000000:role/r", None));
    let bad = CreateRoleRequest {
        role_name: "x".into(),
        assume_role_policy_document: document("Allow", "s3:*"),
        ..Default::default()
    };
    assert_eq!(
        refusal(cloud.call(op::CreateRole, bad).await),
        ("MalformedPolicyDocument", "Missing required field Principal".into())
    );
    let update = UpdateRoleRequest {
        role_name: "r".into(),
        description: Some("d".into()),
        max_session_duration: Some(7_200),
    };
    cloud.call(op::UpdateRole, update).await.unwrap();
    let trust = TRUST.replace("ec2", "lambda");
    let update = UpdateAssumeRolePolicyRequest { role_name: "r".into(), policy_document: trust };
    cloud.call(op::UpdateAssumeRolePolicy, update).await.unwrap();
    let get = GetRoleRequest { role_name: "r".into() };
    let role = cloud.call(op::GetRole, get).await.unwrap().role;
    assert_eq!((role.max_session_duration, role.description.as_deref()), (Some(7_200), Some("d")));
    assert!(role.assume_role_policy_document.unwrap().contains("lambda"));
    assert!(role.role_last_used.unwrap().last_used_date.is_none());
    cloud.call(op::DeleteRole, DeleteRoleRequest { role_name: "r".into() }).await.unwrap();
    let gone = cloud.call(op::DeleteRole, DeleteRoleRequest { role_name: "r".into() }).await;
    assert_eq!(refusal(gone), ("NoSuchEntity", "The role with name r cannot be found.".into()));
}

#[tokio::test]
async fn an_instance_profile_holds_one_role() {
    let cloud = cloud().await;
    make_role(&cloud, "r").await;
    make_role(&cloud, "s").await;
    let create = || CreateInstanceProfileRequest { instance_profile_name: "p".into(), ..Default::default() };
    let made = cloud.call(op::CreateInstanceProfile, create()).await.unwrap().instance_profile;
    assert!(made.instance_profile_id.starts_with("AIPA") && made.roles.is_empty());
    let again = refusal(cloud.call(op::CreateInstanceProfile, create()).await);
    assert_eq!(again, ("EntityAlreadyExists", "Instance Profile p already exists.".into()));
    let add = |role: &str| AddRoleToInstanceProfileRequest {
        instance_profile_name: "p".into(),
        role_name: role.into(),
    };
    cloud.call(op::AddRoleToInstanceProfile, add("r")).await.unwrap();
    let full = refusal(cloud.call(op::AddRoleToInstanceProfile, add("s")).await);
    assert_eq!(
        full,
        ("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1".into())
    );
    let get = GetInstanceProfileRequest { instance_profile_name: "p".into() };
    let profile = cloud.call(op::GetInstanceProfile, get).await.unwrap().instance_profile;
    assert_eq!(profile.roles[0].role_name, "r");
    let of_role = ListInstanceProfilesForRoleRequest { role_name: "r".into(), ..Default::default() };
    assert_eq!(
        cloud.call(op::ListInstanceProfilesForRole, of_role).await.unwrap().instance_profiles.len(),
        1
    );
    let held = "Cannot delete entity, must remove roles from instance profile first.";
    let delete_role = || DeleteRoleRequest { role_name: "r".into() };
    assert_eq!(refusal(cloud.call(op::DeleteRole, delete_role()).await).1, held);
    let delete = || DeleteInstanceProfileRequest { instance_profile_name: "p".into() };
    assert_eq!(refusal(cloud.call(op::DeleteInstanceProfile, delete()).await).1, held);
    let remove =
        || RemoveRoleFromInstanceProfileRequest { instance_profile_name: "p".into(), role_name: "r".into() };
    cloud.call(op::RemoveRoleFromInstanceProfile, remove()).await.unwrap();
    assert_eq!(refusal(cloud.call(op::RemoveRoleFromInstanceProfile, remove()).await).0, "NoSuchEntity");
    cloud.call(op::DeleteRole, delete_role()).await.unwrap();
    cloud.call(op::DeleteInstanceProfile, delete()).await.unwrap();
}

#[tokio::test]
async fn whom_a_role_trusts_is_kept_by_id() {
    let cloud = cloud().await;
    let trust =
        |arn: &str| TRUST.replace(r#"{"Service":"ec2.amazonaws.com"}"#, &format!(r#"{{"AWS":"{arn}"}}"#));
    let create = |arn: &str| CreateRoleRequest {
        role_name: "r".into(),
        assume_role_policy_document: trust(arn),
        ..Default::default()
    };
    let ann = "arn:aws:iam::000000000000:user/ann";
    let refused = refusal(cloud.call(op::CreateRole, create(ann)).await);
    let message = format!(r#"Invalid principal in policy: "AWS":"{ann}""#);
    assert_eq!(refused, ("MalformedPolicyDocument", message));
    let id = make_user(&cloud, "ann").await.user_id;
    cloud.call(op::CreateRole, create(ann)).await.unwrap();
    let shown = async || {
        let got = cloud.call(op::GetRole, GetRoleRequest { role_name: "r".into() }).await.unwrap().role;
        got.assume_role_policy_document.unwrap()
    };
    assert!(shown().await.contains("user%2Fann%22"));

    let rename = UpdateUserRequest {
        user_name: "ann".into(),
        new_user_name: Some("eve".into()),
        ..Default::default()
    };
    cloud.call(op::UpdateUser, rename).await.unwrap();
    assert!(shown().await.contains("user%2Feve%22"), "by the name they bear now");
    let other = make_user(&cloud, "ann").await.user_id;
    assert!(shown().await.contains("user%2Feve%22"), "not whoever bears the old name");
    cloud.call(op::DeleteUser, DeleteUserRequest { user_name: "eve".into() }).await.unwrap();
    let gone = shown().await;
    assert!(gone.contains(&id) && !gone.contains(&other) && !gone.contains("user%2F"));
}
