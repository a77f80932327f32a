//! Groups: made, listed, tagged, protected, deleted, and how long they keep what they have.

use std::collections::BTreeMap;

use api_logs::*;

use super::*;

#[tokio::test]
async fn groups_come_and_go() {
    let cloud = cloud().await;
    for name in ["/shop/web", "/shop/db", "other"] {
        make(&cloud, name, &[]).await;
    }
    let again = CreateLogGroupRequest { log_group_name: "other".into(), ..Default::default() };
    let error = cloud.call(op::CreateLogGroup, again).await.unwrap_err();
    assert_eq!(error.code(), "ResourceAlreadyExistsException");
    let found = describe(&cloud, "/shop/").await;
    let names: Vec<_> = found.iter().map(|group| group.log_group_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["/shop/db", "/shop/web"]);
    assert_eq!(found[0].arn.as_deref(), Some("arn:aws:logs:us-east-1:000000000000:log-group:/shop/db:*"));
    assert_eq!((found[0].stored_bytes, found[0].retention_in_days), (Some(0), None));
    let one = DescribeLogGroupsRequest { limit: Some(1), ..Default::default() };
    let page = cloud.call(op::DescribeLogGroups, one.clone()).await.unwrap();
    let next = DescribeLogGroupsRequest { next_token: page.next_token, ..one };
    let page = cloud.call(op::DescribeLogGroups, next).await.unwrap();
    assert_eq!(page.log_groups.unwrap()[0].log_group_name.as_deref(), Some("/shop/web"));
    let pattern =
        ListLogGroupsRequest { log_group_name_pattern: Some("^/shop|oth".into()), ..Default::default() };
    assert_eq!(cloud.call(op::ListLogGroups, pattern).await.unwrap().log_groups.unwrap().len(), 3);
    let delete = |name: &str| DeleteLogGroupRequest { log_group_name: name.into() };
    cloud.call(op::DeleteLogGroup, delete("other")).await.unwrap();
    let error = cloud.call(op::DeleteLogGroup, delete("other")).await.unwrap_err();
    assert_eq!(error.code(), "ResourceNotFoundException");
    for (name, class) in [("aws/mine", None), ("x", Some("INFREQUENT_ACCESS"))] {
        let input = CreateLogGroupRequest {
            log_group_name: name.into(),
            log_group_class: class.map(str::to_owned),
            ..Default::default()
        };
        assert_eq!(
            cloud.call(op::CreateLogGroup, input).await.unwrap_err().code(),
            "InvalidParameterException"
        );
    }
}

#[tokio::test]
async fn a_protected_group_stays() {
    let cloud = cloud().await;
    make(&cloud, "g", &[]).await;
    let protect = |is: bool| PutLogGroupDeletionProtectionRequest {
        log_group_identifier: "g".into(),
        deletion_protection_enabled: is,
    };
    cloud.call(op::PutLogGroupDeletionProtection, protect(true)).await.unwrap();
    assert_eq!(describe(&cloud, "g").await[0].deletion_protection_enabled, Some(true));
    let delete = DeleteLogGroupRequest { log_group_name: "g".into() };
    assert_eq!(
        cloud.call(op::DeleteLogGroup, delete.clone()).await.unwrap_err().code(),
        "ValidationException"
    );
    cloud.call(op::PutLogGroupDeletionProtection, protect(false)).await.unwrap();
    cloud.call(op::DeleteLogGroup, delete).await.unwrap();
}

#[tokio::test]
async fn tags_by_arn_and_by_name() {
    let cloud = cloud().await;
    let tags = |list: &[(&str, &str)]| {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let new = CreateLogGroupRequest {
        log_group_name: "g".into(),
        tags: Some(tags(&[("a", "1")])),
        ..Default::default()
    };
    cloud.call(op::CreateLogGroup, new).await.unwrap();
    let arn = describe(&cloud, "g").await[0].log_group_arn.clone().unwrap();
    let more = TagResourceRequest { resource_arn: arn.clone(), tags: tags(&[("b", "2")]) };
    cloud.call(op::TagResource, more).await.unwrap();
    let old = TagLogGroupRequest { log_group_name: "g".into(), tags: tags(&[("c", "3")]) };
    cloud.call(op::TagLogGroup, old).await.unwrap();
    let less = UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["a".into()] };
    cloud.call(op::UntagResource, less).await.unwrap();
    let less = UntagLogGroupRequest { log_group_name: "g".into(), tags: vec!["c".into()] };
    cloud.call(op::UntagLogGroup, less).await.unwrap();
    let asked = ListTagsForResourceRequest { resource_arn: arn };
    let found = cloud.call(op::ListTagsForResource, asked).await.unwrap().tags.unwrap();
    assert_eq!(found, tags(&[("b", "2")]));
    let asked = ListTagsLogGroupRequest { log_group_name: "g".into() };
    assert_eq!(cloud.call(op::ListTagsLogGroup, asked).await.unwrap().tags.unwrap(), found);
    let tagged = TagFilter { key: "b".into(), values: Some(vec!["2".into()]) };
    let asked = ListLogGroupsRequest { log_group_tags: Some(vec![tagged]), ..Default::default() };
    assert_eq!(cloud.call(op::ListLogGroups, asked).await.unwrap().log_groups.unwrap().len(), 1);
    let asked =
        ListTagsForResourceRequest { resource_arn: "arn:aws:logs:us-east-1:000000000000:log-group:x".into() };
    assert_eq!(
        cloud.call(op::ListTagsForResource, asked).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn events_past_their_time_are_hidden_and_then_removed() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let start = cloud.now();
    put(&cloud, ("g", "s"), &[(start, "old")]).await;
    let keep = |days: i32| PutRetentionPolicyRequest { log_group_name: "g".into(), retention_in_days: days };
    assert_eq!(
        cloud.call(op::PutRetentionPolicy, keep(2)).await.unwrap_err().code(),
        "InvalidParameterException"
    );
    cloud.call(op::PutRetentionPolicy, keep(3)).await.unwrap();
    assert_eq!(describe(&cloud, "g").await[0].retention_in_days, Some(3));
    cloud.advance(2 * DAY);
    put(&cloud, ("g", "s"), &[(start + 2 * DAY, "new")]).await;
    assert_eq!(filtered(&cloud, filter("g", "")).await, ["old", "new"]);
    let before = describe(&cloud, "g").await[0].stored_bytes.unwrap();
    cloud.advance(DAY + 1);
    assert_eq!(filtered(&cloud, filter("g", "")).await, ["new"]);
    for _ in 0..3 {
        cloud.advance(2 * MINUTE);
    }
    cloud
        .eventually("the old chunk goes", async || {
            cloud.advance(MINUTE);
            (describe(&cloud, "g").await[0].stored_bytes.unwrap() < before).then_some(())
        })
        .await;
    let rejected =
        try_put(&cloud, ("g", "s"), &[(start, "old")]).await.unwrap().rejected_log_events_info.unwrap();
    assert_eq!((rejected.expired_log_event_end_index, rejected.too_old_log_event_end_index), (Some(1), None));
    cloud
        .call(op::DeleteRetentionPolicy, DeleteRetentionPolicyRequest { log_group_name: "g".into() })
        .await
        .unwrap();
    assert_eq!(describe(&cloud, "g").await[0].retention_in_days, None);
}

#[tokio::test]
async fn what_a_deleted_group_had_is_not_in_the_next_of_its_name() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s", "t"]).await;
    put(&cloud, ("g", "s"), &[(cloud.now(), "first")]).await;
    let delete = DeleteLogStreamRequest { log_group_name: "g".into(), log_stream_name: "s".into() };
    cloud.call(op::DeleteLogStream, delete).await.unwrap();
    assert_eq!(filtered(&cloud, filter("g", "")).await, Vec::<String>::new());
    cloud.call(op::DeleteLogGroup, DeleteLogGroupRequest { log_group_name: "g".into() }).await.unwrap();
    make(&cloud, "g", &["s"]).await;
    put(&cloud, ("g", "s"), &[(cloud.now(), "second")]).await;
    assert_eq!(filtered(&cloud, filter("g", "")).await, ["second"]);
    let asked = DescribeLogStreamsRequest { log_group_name: Some("g".into()), ..Default::default() };
    assert_eq!(cloud.call(op::DescribeLogStreams, asked).await.unwrap().log_streams.unwrap().len(), 1);
    cloud
        .eventually("leftovers go", async || {
            let left = logs::state::leftover::list(&cloud.ctx("logs"), 10).await.unwrap();
            left.is_empty().then_some(())
        })
        .await;
}
