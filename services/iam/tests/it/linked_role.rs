//! Service-linked roles.

use crate::*;

fn create(service: &str, suffix: Option<&str>) -> CreateServiceLinkedRoleRequest {
    CreateServiceLinkedRoleRequest {
        aws_service_name: service.into(),
        custom_suffix: suffix.map(str::to_owned),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_service_has_a_role_that_nobody_else_changes() {
    let cloud = cloud().await;
    let role = cloud.call(op::CreateServiceLinkedRole, create("spot.amazonaws.com", None)).await.unwrap();
    let role = role.role.unwrap();
    let arn = "arn:aws:iam::000000000000:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot";
    assert_eq!(role.arn, arn);
    let again = refusal(cloud.call(op::CreateServiceLinkedRole, create("spot.amazonaws.com", None)).await);
    assert_eq!(again.0, "InvalidInput");
    assert!(again.1.contains("has been taken in this account"));
    for (service, suffix) in [("spot.amazonaws.com", Some("x")), ("nobody.amazonaws.com", None)] {
        let refused = cloud.call(op::CreateServiceLinkedRole, create(service, suffix)).await;
        assert_eq!(refusal(refused).0, "InvalidInput", "{service}");
    }
    let name = role.role_name;
    let put = PutRolePolicyRequest {
        role_name: name.clone(),
        policy_name: "p".into(),
        policy_document: document("Allow", "*"),
    };
    assert_eq!(refusal(cloud.call(op::PutRolePolicy, put).await).0, "UnmodifiableEntity");
    let delete = DeleteRoleRequest { role_name: name.clone() };
    assert_eq!(refusal(cloud.call(op::DeleteRole, delete).await).0, "UnmodifiableEntity");
    let delete = || DeleteServiceLinkedRoleRequest { role_name: name.clone() };
    let task = cloud.call(op::DeleteServiceLinkedRole, delete()).await.unwrap().deletion_task_id;
    let status = |id: String| GetServiceLinkedRoleDeletionStatusRequest { deletion_task_id: id };
    let done = cloud.call(op::GetServiceLinkedRoleDeletionStatus, status(task.clone())).await.unwrap();
    assert_eq!(done.status, "SUCCEEDED");
    let invented = cloud.call(op::GetServiceLinkedRoleDeletionStatus, status(format!("{task}x"))).await;
    assert_eq!(refusal(invented).0, "NoSuchEntity");
    assert_eq!(refusal(cloud.call(op::DeleteServiceLinkedRole, delete()).await).0, "NoSuchEntity");
}

#[tokio::test]
async fn its_path_and_its_deletion_are_for_such_roles_only() {
    let cloud = cloud().await;
    make_role(&cloud, "mine").await;
    let delete = DeleteServiceLinkedRoleRequest { role_name: "mine".into() };
    assert_eq!(refusal(cloud.call(op::DeleteServiceLinkedRole, delete).await).0, "NoSuchEntity");
    let input = CreateRoleRequest {
        role_name: "r".into(),
        path: Some("/aws-service-role/x.amazonaws.com/".into()),
        assume_role_policy_document: TRUST.into(),
        ..Default::default()
    };
    assert_eq!(refusal(cloud.call(op::CreateRole, input).await).0, "ValidationError");
}
