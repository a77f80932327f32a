//! Groups: made, tagged, listed, deleted with all that is in them.

use api_scheduler::*;

use scheduler::state;

use super::{cloud, create, is_quiet, next, queue, schedule};

const ARN: &str = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/team";

#[tokio::test]
async fn a_group_goes_with_its_schedules() {
    let cloud = cloud().await;
    let queue = queue(&cloud, "jobs").await;
    let tag = |key: &str| Tag { key: key.to_owned(), value: "v".to_owned() };
    let input = CreateScheduleGroupInput {
        name: "team".to_owned(),
        tags: Some(vec![tag("a")]),
        ..Default::default()
    };
    assert_eq!(cloud.call(op::CreateScheduleGroup, input.clone()).await.unwrap().schedule_group_arn, ARN);
    let error = cloud.call(op::CreateScheduleGroup, input).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("ConflictException", 409));
    let more = TagResourceInput { resource_arn: ARN.to_owned(), tags: vec![tag("b")] };
    cloud.call(op::TagResource, more).await.unwrap();
    let fewer = UntagResourceInput { resource_arn: ARN.to_owned(), tag_keys: vec!["a".to_owned()] };
    cloud.call(op::UntagResource, fewer).await.unwrap();
    let listed = ListTagsForResourceInput { resource_arn: ARN.to_owned() };
    let tags = cloud.call(op::ListTagsForResource, listed).await.unwrap().tags.unwrap();
    assert_eq!(tags.into_iter().map(|tag| tag.key).collect::<Vec<_>>(), ["b"]);
    for name in ["one", "two"] {
        let input = CreateScheduleInput {
            group_name: Some("team".to_owned()),
            ..schedule(name, "rate(1 days)", &queue)
        };
        create(&cloud, input).await.unwrap();
    }
    let groups = async || {
        let all = cloud.call(op::ListScheduleGroups, ListScheduleGroupsInput::default()).await.unwrap();
        all.schedule_groups.into_iter().map(|group| group.name.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(groups().await, ["default", "team"]);
    let gone = |name: &str| DeleteScheduleGroupInput { name: name.to_owned(), ..Default::default() };
    cloud.call(op::DeleteScheduleGroup, gone("team")).await.unwrap();
    cloud.eventually("it is gone", async || (groups().await == ["default"]).then_some(())).await;
    let all = cloud.call(op::ListSchedules, ListSchedulesInput::default()).await.unwrap();
    assert!(all.schedules.is_empty());
    let error = cloud.call(op::DeleteScheduleGroup, gone("default")).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException");
    let asked = GetScheduleGroupInput { name: "team".to_owned() };
    assert_eq!(
        cloud.call(op::GetScheduleGroup, asked).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn schedules_of_a_group_on_its_way_out_call_no_more() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let group = CreateScheduleGroupInput { name: "team".to_owned(), ..Default::default() };
    cloud.call(op::CreateScheduleGroup, group).await.unwrap();
    let input =
        CreateScheduleInput { group_name: Some("team".to_owned()), ..schedule("one", "rate(1 days)", &arn) };
    create(&cloud, input).await.unwrap();
    next(&cloud, "jobs").await;
    // Due while the group waits to be taken apart.
    let (ctx, scope) = (cloud.ctx("scheduler"), cloud.scope());
    ctx.write(|tx| {
        let found = state::group::get(tx, &scope, "team")?;
        state::group::put(tx, &scope, &state::group::Group { is_deleting: true, ..found })?;
        let due = state::schedule::get(tx, &scope, "team", "one")?;
        state::schedule::put(tx, &scope, due, Some(tx.ctx().now()))
    })
    .await
    .unwrap();
    assert!(is_quiet(&cloud, "jobs").await);
}
