//! The account: alias, password policy, passwords, summary, report, everything at once.

use crate::*;

#[tokio::test]
async fn an_alias_is_one_accounts_alone() {
    let cloud = cloud().await;
    let create = |alias: &str| CreateAccountAliasRequest { account_alias: alias.into() };
    cloud.call(op::CreateAccountAlias, create("ours")).await.unwrap();
    let other = cloud.as_account("111111111111");
    assert_eq!(refusal(other.call(op::CreateAccountAlias, create("ours")).await).0, "EntityAlreadyExists");
    cloud.call(op::CreateAccountAlias, create("better")).await.unwrap();
    other.call(op::CreateAccountAlias, create("ours")).await.unwrap();
    let list = ListAccountAliasesRequest::default();
    assert_eq!(cloud.call(op::ListAccountAliases, list).await.unwrap().account_aliases, ["better"]);
    let delete = || DeleteAccountAliasRequest { account_alias: "better".into() };
    cloud.call(op::DeleteAccountAlias, delete()).await.unwrap();
    assert_eq!(refusal(cloud.call(op::DeleteAccountAlias, delete()).await).0, "NoSuchEntity");
}

#[tokio::test]
async fn passwords_follow_the_accounts_policy() {
    let cloud = cloud().await;
    assert_eq!(
        refusal(cloud.call(op::GetAccountPasswordPolicy, ()).await).1,
        "The Password Policy with domain name 000000000000 cannot be found."
    );
    let strict = UpdateAccountPasswordPolicyRequest {
        require_symbols: Some(true),
        password_reuse_prevention: Some(1),
        ..Default::default()
    };
    cloud.call(op::UpdateAccountPasswordPolicy, strict).await.unwrap();
    let policy = cloud.call(op::GetAccountPasswordPolicy, ()).await.unwrap().password_policy;
    assert_eq!((policy.minimum_password_length, policy.expire_passwords), (Some(6), Some(false)));
    make_user(&cloud, "kim").await;
    let create = |password: &str| CreateLoginProfileRequest {
        user_name: Some("kim".into()),
        password: Some(password.into()),
        password_reset_required: None,
    };
    assert_eq!(
        refusal(cloud.call(op::CreateLoginProfile, create("simple")).await).0,
        "PasswordPolicyViolation"
    );
    cloud.call(op::CreateLoginProfile, create("simple!")).await.unwrap();
    assert_eq!(
        refusal(cloud.call(op::CreateLoginProfile, create("simple!")).await),
        ("EntityAlreadyExists", "Login Profile for user kim already exists.".into())
    );
    let update = |password: &str| UpdateLoginProfileRequest {
        user_name: "kim".into(),
        password: Some(password.into()),
        password_reset_required: Some(true),
    };
    assert_eq!(
        refusal(cloud.call(op::UpdateLoginProfile, update("simple!")).await).0,
        "PasswordPolicyViolation"
    );
    cloud.call(op::UpdateLoginProfile, update("other!")).await.unwrap();
    let get = || GetLoginProfileRequest { user_name: Some("kim".into()) };
    let shown = cloud.call(op::GetLoginProfile, get()).await.unwrap().login_profile;
    assert_eq!(shown.password_reset_required, Some(true));
    let delete = DeleteLoginProfileRequest { user_name: Some("kim".into()) };
    cloud.call(op::DeleteLoginProfile, delete).await.unwrap();
    assert_eq!(
        refusal(cloud.call(op::GetLoginProfile, get()).await).1,
        "Login Profile for User kim cannot be found."
    );
    let change = ChangePasswordRequest { old_password: "a".into(), new_password: "b".into() };
    assert_eq!(refusal(cloud.call(op::ChangePassword, change).await).0, "AccessDenied");
    cloud.call(op::DeleteAccountPasswordPolicy, ()).await.unwrap();
    assert_eq!(
        refusal(cloud.call(op::DeleteAccountPasswordPolicy, ()).await).1,
        "The account policy with name PasswordPolicy cannot be found."
    );
}

#[tokio::test]
async fn the_summary_and_the_details_show_what_is_there() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    make_group(&cloud, "g").await;
    join(&cloud, "g", "kim").await.unwrap();
    make_role(&cloud, "r").await;
    let arn = make_policy(&cloud, "p", &document("Allow", "s3:*")).await;
    attach_user(&cloud, "kim", &arn).await.unwrap();
    let summary = cloud.call(op::GetAccountSummary, ()).await.unwrap().summary_map.unwrap();
    for (name, count) in [("Users", 1), ("Groups", 1), ("Roles", 1), ("Policies", 1), ("UsersQuota", 5_000)] {
        assert_eq!(summary.get(name), Some(&count), "{name}");
    }
    assert_eq!(summary.len(), 34);
    let filter = ["User", "Group", "Role", "LocalManagedPolicy"].map(str::to_owned).to_vec();
    let input = GetAccountAuthorizationDetailsRequest { filter: Some(filter), ..Default::default() };
    let all = cloud.call(op::GetAccountAuthorizationDetails, input).await.unwrap();
    let users = all.user_detail_list.unwrap();
    assert_eq!(users[0].group_list.as_ref().unwrap(), &["g"]);
    assert_eq!(users[0].attached_managed_policies.as_ref().unwrap().len(), 1);
    let (groups, roles, policies) = (all.group_detail_list, all.role_detail_list, all.policies);
    assert_eq!((groups.unwrap().len(), roles.unwrap().len(), policies.unwrap().len()), (1, 1, 1));
}

#[tokio::test]
async fn a_report_is_made_and_grows_old() {
    let cloud = cloud().await;
    assert_eq!(refusal(cloud.call(op::GetCredentialReport, ()).await).0, "ReportNotPresent");
    make_user(&cloud, "kim").await;
    make_key(&cloud, "kim").await;
    cloud.call(op::GenerateCredentialReport, ()).await.unwrap();
    let content = cloud.call(op::GetCredentialReport, ()).await.unwrap().content.unwrap();
    let csv = String::from_utf8(content.to_vec()).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    let columns = |line: &str| line.split(',').count();
    assert_eq!((lines.len(), columns(lines[0]), columns(lines[1])), (2, 22, 22));
    assert!(
        lines[1].starts_with("kim,arn:aws:iam::000000000000:user/kim,2026-01-01T00:00:00Z,false,"),
        "{csv}"
    );
    cloud.advance(4 * 3_600_000);
    assert_eq!(refusal(cloud.call(op::GetCredentialReport, ()).await).0, "ReportExpired");
}
