//! Who called which service, and which policies let them.

use iam::state::last_used::LastUsed;
use kernel::{Caller, Noticed, Principal};

use crate::*;

fn note(cloud: &TestCloud, user: &User, operation: &'static str) {
    let principal =
        Principal::Identity { arn: user.arn.as_str().into(), unique_id: user.user_id.as_str().into() };
    let caller = Caller { principal, ..Caller::service("", cloud.scope().account) };
    let (scope, at) = (cloud.scope(), cloud.now());
    let call = Noticed { caller: &caller, scope: &scope, service: "iam", operation, at };
    cloud.ctx("iam").own::<LastUsed>().note(call);
}

async fn report(cloud: &TestCloud, arn: &str) -> GetServiceLastAccessedDetailsResponse {
    let input = GenerateServiceLastAccessedDetailsRequest {
        arn: arn.into(),
        granularity: Some("ACTION_LEVEL".into()),
    };
    let job = cloud.call(op::GenerateServiceLastAccessedDetails, input).await.unwrap().job_id.unwrap();
    let input = GetServiceLastAccessedDetailsRequest { job_id: job, ..Default::default() };
    cloud.call(op::GetServiceLastAccessedDetails, input).await.unwrap()
}

#[tokio::test]
async fn a_report_tells_who_called_what() {
    let cloud = cloud().await;
    let (kim, sam) = (make_user(&cloud, "kim").await, make_user(&cloud, "sam").await);
    make_group(&cloud, "ops").await;
    for user in ["kim", "sam"] {
        join(&cloud, "ops", user).await.unwrap();
    }
    assert!(report(&cloud, &kim.arn).await.services_last_accessed.is_empty(), "no policy allows anything");
    let policy = make_policy(&cloud, "p", &document("Allow", "iam:*")).await;
    let attach = AttachGroupPolicyRequest { group_name: "ops".into(), policy_arn: policy.clone() };
    cloud.call(op::AttachGroupPolicy, attach).await.unwrap();
    note(&cloud, &kim, "ListUsers");
    cloud.advance(1_000);
    note(&cloud, &sam, "ListRoles");
    let of_kim = report(&cloud, &kim.arn).await.services_last_accessed;
    assert_eq!(of_kim.len(), 1);
    assert_eq!(of_kim[0].last_authenticated_entity.as_deref(), Some(kim.arn.as_str()));
    assert_eq!(of_kim[0].service_name, "AWS Identity and Access Management");
    for arn in ["arn:aws:iam::000000000000:group/ops", policy.as_str()] {
        let all = report(&cloud, arn).await.services_last_accessed;
        assert_eq!(all[0].last_authenticated_entity.as_deref(), Some(sam.arn.as_str()), "{arn}");
        assert_eq!(all[0].total_authenticated_entities, Some(2));
        let actions = all[0].tracked_actions_last_accessed.as_ref().unwrap();
        let names: Vec<_> = actions.iter().filter_map(|one| one.action_name.as_deref()).collect();
        assert_eq!(names, ["ListRoles", "ListUsers"]);
    }
    let missing = GetServiceLastAccessedDetailsRequest { job_id: "0".repeat(36), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::GetServiceLastAccessedDetails, missing).await).0, "NoSuchEntity");
}

#[tokio::test]
async fn policies_that_grant_a_service_are_told() {
    let cloud = cloud().await;
    let kim = make_user(&cloud, "kim").await;
    put_user(&cloud, "kim", "inline", &document("Allow", "sqs:*")).await.unwrap();
    put_user(&cloud, "kim", "denial", &document("Deny", "*")).await.unwrap();
    let input = ListPoliciesGrantingServiceAccessRequest {
        arn: kim.arn,
        service_namespaces: vec!["sqs".into(), "kms".into()],
        ..Default::default()
    };
    let told = cloud.call(op::ListPoliciesGrantingServiceAccess, input).await.unwrap();
    let told: Vec<_> =
        told.policies_granting_service_access.into_iter().filter_map(|one| one.policies).collect();
    assert_eq!(told[0].len(), 1);
    assert_eq!((told[0][0].policy_name.as_str(), told[0][0].policy_type.as_str()), ("inline", "INLINE"));
    assert_eq!(told[0][0].entity_name.as_deref(), Some("kim"));
    assert!(told[1].is_empty());
}
