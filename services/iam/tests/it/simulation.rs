//! What policies would say.

use crate::*;

fn decisions(answer: SimulatePolicyResponse) -> Vec<String> {
    answer.evaluation_results.unwrap().into_iter().map(|result| result.eval_decision).collect()
}

#[tokio::test]
async fn given_policies_are_decided_as_the_gate_would() {
    let cloud = cloud().await;
    let input = SimulateCustomPolicyRequest {
        policy_input_list: vec![document("Allow", "sqs:*"), document("Deny", "sqs:Delete*")],
        action_names: ["sqs:SendMessage", "sqs:DeleteQueue", "s3:GetObject"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let answer = cloud.call(op::SimulateCustomPolicy, input).await.unwrap();
    let matched = answer.evaluation_results.as_ref().unwrap()[1].matched_statements.as_ref().unwrap();
    assert_eq!(matched[0].source_policy_id.as_deref(), Some("PolicyInputList.2"));
    assert_eq!(decisions(answer), ["allowed", "explicitDeny", "implicitDeny"]);
}

#[tokio::test]
async fn a_users_groups_and_boundary_count() {
    let cloud = cloud().await;
    let user = make_user(&cloud, "kim").await;
    make_group(&cloud, "g").await;
    join(&cloud, "g", "kim").await.unwrap();
    let put = PutGroupPolicyRequest {
        group_name: "g".into(),
        policy_name: "all".into(),
        policy_document: document("Allow", "*"),
    };
    cloud.call(op::PutGroupPolicy, put).await.unwrap();
    let ask = async || {
        let input = SimulatePrincipalPolicyRequest {
            policy_source_arn: user.arn.clone(),
            action_names: ["sqs:SendMessage", "s3:GetObject"].map(str::to_owned).to_vec(),
            ..Default::default()
        };
        decisions(cloud.call(op::SimulatePrincipalPolicy, input).await.unwrap())
    };
    assert_eq!(ask().await, ["allowed", "allowed"]);
    let arn = make_policy(&cloud, "bound", &document("Allow", "sqs:*")).await;
    let bound = PutUserPermissionsBoundaryRequest { user_name: "kim".into(), permissions_boundary: arn };
    cloud.call(op::PutUserPermissionsBoundary, bound).await.unwrap();
    assert_eq!(ask().await, ["allowed", "implicitDeny"]);
}
