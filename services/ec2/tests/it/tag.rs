//! Tags of all kinds of resources.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud};
use crate::security_group::group;
use crate::vpc::{default_vpc, filter};

fn tag(key: &str, value: &str) -> api::Tag {
    api::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

async fn create(cloud: &Cloud, ids: &[&str], tags: Vec<api::Tag>) -> kernel::Result<()> {
    let resources = ids.iter().map(|id| (*id).to_owned()).collect();
    cloud.call(op::CreateTags, api::CreateTagsRequest { dry_run: None, resources, tags }).await
}

async fn all(cloud: &Cloud, filters: Option<Vec<api::Filter>>) -> Vec<api::TagDescription> {
    let input = api::DescribeTagsRequest { filters, ..Default::default() };
    cloud.call(op::DescribeTags, input).await.unwrap().tags.unwrap()
}

#[tokio::test]
async fn tags_are_put_on_many_resources_found_and_taken_off() {
    let cloud = cloud().await;
    let (vpc, web) = (default_vpc(&cloud).await.vpc_id.unwrap(), group(&cloud, "web").await);
    create(&cloud, &[&vpc, &web], vec![tag("Name", "a"), tag("team", "x")]).await.unwrap();
    create(&cloud, &[&web], vec![tag("Name", "b")]).await.unwrap();
    assert_eq!(all(&cloud, None).await.len(), 4);
    let named = all(&cloud, filter("resource-type", &["security-group"])).await;
    assert_eq!(named[0].value.as_deref(), Some("b"));
    assert_eq!(default_vpc(&cloud).await.tags.unwrap().len(), 2);
    let input = api::DescribeVpcsRequest { filters: filter("tag:Name", &["a*"]), ..Default::default() };
    assert_eq!(cloud.call(op::DescribeVpcs, input).await.unwrap().vpcs.unwrap().len(), 1);

    let delete = |tags| api::DeleteTagsRequest { dry_run: None, resources: vec![web.clone()], tags };
    // A value that is not the tag's deletes nothing; a key alone deletes; nothing at all deletes all.
    cloud.call(op::DeleteTags, delete(Some(vec![tag("Name", "other")]))).await.unwrap();
    assert_eq!(all(&cloud, None).await.len(), 4);
    let key = api::Tag { key: Some("Name".to_owned()), value: None };
    cloud.call(op::DeleteTags, delete(Some(vec![key]))).await.unwrap();
    assert_eq!(all(&cloud, None).await.len(), 3);
    cloud.call(op::DeleteTags, delete(None)).await.unwrap();
    assert_eq!(all(&cloud, None).await.len(), 2);
}

#[tokio::test]
async fn tags_of_what_is_not_there_are_refused_as_a_whole() {
    let cloud = cloud().await;
    let vpc = default_vpc(&cloud).await.vpc_id.unwrap();
    for (id, code) in [
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        ("subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("nonsense", "InvalidID"),
    ] {
        let error = create(&cloud, &[&vpc, id], vec![tag("a", "b")]).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert!(all(&cloud, None).await.is_empty());
    let error = create(&cloud, &[&vpc], vec![tag("aws:x", "b")]).await.unwrap_err();
    assert_eq!(error.message(), "Tag keys starting with 'aws:' are reserved for internal use");
    create(&cloud, &[&vpc], (0..50).map(|n| tag(&format!("k{n}"), "")).collect()).await.unwrap();
    let error = create(&cloud, &[&vpc], vec![tag("one more", "")]).await.unwrap_err();
    assert_eq!(error.code(), "TagLimitExceeded");
}

#[tokio::test]
async fn a_group_is_born_with_tags_and_takes_them_along() {
    let cloud = cloud().await;
    let specification = |kind: &str| api::TagSpecification {
        resource_type: Some(kind.to_owned()),
        tags: Some(vec![tag("Name", "web")]),
    };
    let request = |kind| api::CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "d".to_owned(),
        tag_specifications: Some(vec![specification(kind)]),
        ..Default::default()
    };
    let error = cloud.call(op::CreateSecurityGroup, request("vpc")).await.unwrap_err();
    assert_eq!(error.message(), "'vpc' is not a valid taggable resource type for this operation.");
    let made = cloud.call(op::CreateSecurityGroup, request("security-group")).await.unwrap();
    assert_eq!(made.tags.unwrap().len(), 1);
    assert_eq!(all(&cloud, None).await.len(), 1);
    let input = api::DeleteSecurityGroupRequest { group_id: made.group_id, ..Default::default() };
    cloud.call(op::DeleteSecurityGroup, input).await.unwrap();
    assert!(all(&cloud, None).await.is_empty());
}
