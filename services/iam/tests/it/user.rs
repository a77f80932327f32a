//! Users: their life, lists, tags, boundary and policies.

use crate::*;

#[tokio::test]
async fn every_operation_of_the_list_is_declared() {
    let service = service();
    let declared: Vec<_> = service.declared().collect();
    let wanted: Vec<_> = SERVICE.ops.iter().map(|op| op.name).collect();
    assert_eq!(declared, wanted);
}

#[tokio::test]
async fn a_user_is_made_shown_renamed_and_deleted_in_every_region() {
    let cloud = cloud().await;
    let input = CreateUserRequest {
        user_name: "Kim".into(),
        path: Some("/team/".into()),
        tags: Some(vec![tag("a", "1")]),
        ..Default::default()
    };
    let kim = cloud.call(op::CreateUser, input).await.unwrap().user.unwrap();
    assert_eq!(kim.arn, "arn:aws:iam::000000000000:user/team/Kim");
    assert!(kim.user_id.starts_with("AIDA") && kim.user_id.len() == 21, "{}", kim.user_id);
    let again = CreateUserRequest { user_name: "kim".into(), ..Default::default() };
    let already = ("EntityAlreadyExists", "User with name kim already exists.".to_owned());
    assert_eq!(refusal(cloud.call(op::CreateUser, again).await), already);
    let elsewhere = cloud.in_region("eu-west-1");
    assert_eq!(get_user(&elsewhere, "Kim").await.unwrap().tags.unwrap().len(), 1);
    let gone = ("NoSuchEntity", "The user with name Kim cannot be found.".to_owned());
    assert_eq!(refusal(get_user(&cloud.as_account("111111111111"), "Kim").await), gone);

    make_group(&cloud, "g").await;
    join(&cloud, "g", "Kim").await.unwrap();
    let key = make_key(&cloud, "Kim").await;
    let rename = UpdateUserRequest {
        user_name: "Kim".into(),
        new_user_name: Some("Sam".into()),
        new_path: Some("/".into()),
    };
    cloud.call(op::UpdateUser, rename).await.unwrap();
    assert_eq!(refusal(get_user(&cloud, "Kim").await), gone);
    let sam = get_user(&cloud, "Sam").await.unwrap();
    assert_eq!((sam.user_id, sam.arn.as_str()), (kim.user_id, "arn:aws:iam::000000000000:user/Sam"));
    let group = GetGroupRequest { group_name: "g".into(), ..Default::default() };
    assert_eq!(cloud.call(op::GetGroup, group).await.unwrap().users[0].user_name, "Sam");
    let used = GetAccessKeyLastUsedRequest { access_key_id: key.access_key_id.clone() };
    let used = cloud.call(op::GetAccessKeyLastUsed, used).await.unwrap();
    assert_eq!(used.user_name.as_deref(), Some("Sam"));
    assert_eq!(used.access_key_last_used.unwrap().region, "N/A");

    let delete = || DeleteUserRequest { user_name: "Sam".into() };
    let first = |what: &str| ("DeleteConflict", format!("Cannot delete entity, must {what} first."));
    assert_eq!(refusal(cloud.call(op::DeleteUser, delete()).await), first("delete access keys"));
    let drop_key =
        DeleteAccessKeyRequest { user_name: Some("Sam".into()), access_key_id: key.access_key_id.clone() };
    cloud.call(op::DeleteAccessKey, drop_key).await.unwrap();
    assert_eq!(refusal(cloud.call(op::DeleteUser, delete()).await), first("remove users from group"));
    let leave = RemoveUserFromGroupRequest { group_name: "g".into(), user_name: "Sam".into() };
    cloud.call(op::RemoveUserFromGroup, leave).await.unwrap();
    put_user(&cloud, "Sam", "p", &document("Allow", "s3:*")).await.unwrap();
    assert_eq!(refusal(cloud.call(op::DeleteUser, delete()).await), first("delete policies"));
    let drop_policy = DeleteUserPolicyRequest { user_name: "Sam".into(), policy_name: "p".into() };
    cloud.call(op::DeleteUserPolicy, drop_policy).await.unwrap();
    attach_user(&cloud, "Sam", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    assert_eq!(refusal(cloud.call(op::DeleteUser, delete()).await), first("detach all policies"));
    let detach = DetachUserPolicyRequest {
        user_name: "Sam".into(),
        policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess".into(),
    };
    cloud.call(op::DetachUserPolicy, detach).await.unwrap();
    cloud.call(op::DeleteUser, delete()).await.unwrap();
}

#[tokio::test]
async fn users_are_listed_by_path_in_pages() {
    let cloud = cloud().await;
    for name in ["c", "a", "B"] {
        make_user(&cloud, name).await;
    }
    let other = CreateUserRequest { user_name: "d".into(), path: Some("/x/".into()), ..Default::default() };
    cloud.call(op::CreateUser, other).await.unwrap();
    let list = async |path_prefix: Option<&str>, max_items, marker| {
        let input = ListUsersRequest { path_prefix: path_prefix.map(str::to_owned), max_items, marker };
        cloud.call(op::ListUsers, input).await
    };
    let names =
        |page: &ListUsersResponse| page.users.iter().map(|user| user.user_name.clone()).collect::<Vec<_>>();
    let all = list(None, None, None).await.unwrap();
    assert_eq!(
        (names(&all), all.is_truncated),
        (vec!["a".into(), "B".into(), "c".into(), "d".into()], Some(false))
    );
    assert_eq!(names(&list(Some("/x"), None, None).await.unwrap()), ["d"]);
    let first = list(None, Some(3), None).await.unwrap();
    assert_eq!((names(&first).len(), first.is_truncated), (3, Some(true)));
    let delete = DeleteUserRequest { user_name: "c".into() };
    cloud.call(op::DeleteUser, delete).await.unwrap();
    let rest = list(None, Some(3), first.marker).await.unwrap();
    assert_eq!(names(&rest), Vec::<String>::new(), "the place of one that is gone is counted");
    let bad = list(None, None, Some("x".into())).await;
    assert_eq!(refusal(bad), ("ValidationError", "Invalid Marker.".into()));
}

#[tokio::test]
async fn a_user_has_two_keys_at_most() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let key = make_key(&cloud, "kim").await;
    assert!(key.access_key_id.starts_with("AKIA") && key.access_key_id.len() == 20, "{}", key.access_key_id);
    assert_eq!(key.secret_access_key.len(), 40);
    make_key(&cloud, "kim").await;
    let third = CreateAccessKeyRequest { user_name: Some("kim".into()) };
    let limit = ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2".to_owned());
    assert_eq!(refusal(cloud.call(op::CreateAccessKey, third).await), limit);
    let update = UpdateAccessKeyRequest {
        user_name: Some("kim".into()),
        access_key_id: key.access_key_id.clone(),
        status: "Inactive".into(),
    };
    cloud.call(op::UpdateAccessKey, update).await.unwrap();
    let list = ListAccessKeysRequest { user_name: Some("kim".into()), ..Default::default() };
    let listed = cloud.call(op::ListAccessKeys, list).await.unwrap().access_key_metadata;
    assert_eq!((listed.len(), listed[0].status.as_deref()), (2, Some("Inactive")));
    let nobody = cloud.call(op::CreateAccessKey, CreateAccessKeyRequest { user_name: None }).await;
    assert_eq!(refusal(nobody).1, "Must specify userName when calling with non-User credentials");
}

#[tokio::test]
async fn tags_come_and_go() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let add = |tags| TagUserRequest { user_name: "kim".into(), tags };
    cloud.call(op::TagUser, add(vec![tag("Team", "x"), tag("b", "2")])).await.unwrap();
    cloud.call(op::TagUser, add(vec![tag("team", "y")])).await.unwrap();
    let take = UntagUserRequest { user_name: "kim".into(), tag_keys: vec!["b".into()] };
    cloud.call(op::UntagUser, take).await.unwrap();
    let list = ListUserTagsRequest { user_name: "kim".into(), ..Default::default() };
    let tags = cloud.call(op::ListUserTags, list).await.unwrap().tags;
    assert_eq!(
        tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect::<Vec<_>>(),
        [("team", "y")]
    );
    let many = (0..50).map(|n| tag(&n.to_string(), "")).collect();
    assert_eq!(refusal(cloud.call(op::TagUser, add(many)).await).0, "LimitExceeded");
}

#[tokio::test]
async fn inline_policies_are_bounded_and_shown_encoded() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let text = document("Allow", "s3:*");
    put_user(&cloud, "kim", "p", &text).await.unwrap();
    let get = |name: &str| GetUserPolicyRequest { user_name: "kim".into(), policy_name: name.into() };
    let shown = cloud.call(op::GetUserPolicy, get("p")).await.unwrap().policy_document;
    assert!(shown.starts_with("%7B%22Version%22%3A"), "{shown}");
    let missing = ("NoSuchEntity", "The user policy with name q cannot be found.".to_owned());
    assert_eq!(refusal(cloud.call(op::GetUserPolicy, get("q")).await), missing);
    let long = document("Allow", &format!("s3:{}", "x".repeat(2_048)));
    assert_eq!(
        refusal(put_user(&cloud, "kim", "long", &long).await),
        ("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user kim".into())
    );
    assert_eq!(
        refusal(put_user(&cloud, "kim", "bad", "no json").await),
        ("MalformedPolicyDocument", "Syntax errors in policy.".into())
    );
    let list = ListUserPoliciesRequest { user_name: "kim".into(), ..Default::default() };
    assert_eq!(cloud.call(op::ListUserPolicies, list).await.unwrap().policy_names, ["p"]);
}
