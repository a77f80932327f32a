//! Groups and who is in them.

use crate::*;

#[tokio::test]
async fn a_group_has_members_until_it_is_renamed_and_deleted() {
    let cloud = cloud().await;
    assert_eq!(make_group(&cloud, "ops").await.arn, "arn:aws:iam::000000000000:group/ops");
    make_user(&cloud, "kim").await;
    join(&cloud, "ops", "kim").await.unwrap();
    join(&cloud, "ops", "kim").await.unwrap();
    assert_eq!(refusal(join(&cloud, "ops", "nobody").await).1, "The user with name nobody cannot be found.");
    assert_eq!(refusal(join(&cloud, "none", "kim").await).1, "The group with name none cannot be found.");
    let rename =
        UpdateGroupRequest { group_name: "ops".into(), new_group_name: Some("dev".into()), new_path: None };
    cloud.call(op::UpdateGroup, rename).await.unwrap();
    let of_kim = ListGroupsForUserRequest { user_name: "kim".into(), ..Default::default() };
    let groups = cloud.call(op::ListGroupsForUser, of_kim).await.unwrap().groups;
    assert_eq!(groups.iter().map(|group| group.group_name.as_str()).collect::<Vec<_>>(), ["dev"]);
    let delete = || DeleteGroupRequest { group_name: "dev".into() };
    assert_eq!(
        refusal(cloud.call(op::DeleteGroup, delete()).await),
        ("DeleteConflict", "Cannot delete entity, must remove users from group first.".into())
    );
    let leave = RemoveUserFromGroupRequest { group_name: "dev".into(), user_name: "kim".into() };
    cloud.call(op::RemoveUserFromGroup, leave).await.unwrap();
    cloud.call(op::DeleteGroup, delete()).await.unwrap();
    assert!(cloud.call(op::ListGroups, ListGroupsRequest::default()).await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    for n in 0..11 {
        make_group(&cloud, &format!("g{n}")).await;
    }
    for n in 0..10 {
        join(&cloud, &format!("g{n}"), "kim").await.unwrap();
    }
    let limit = ("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10".to_owned());
    assert_eq!(refusal(join(&cloud, "g10", "kim").await), limit);
}
