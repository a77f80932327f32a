//! Queues, their attributes, tags and permissions.

use api_sqs::*;

use crate::*;

const GONE: &str = "AWS.SimpleQueueService.NonExistentQueue";

#[tokio::test]
async fn every_operation_of_the_model_is_declared() {
    let service = crate::service();
    let declared: Vec<_> = service.declared().collect();
    let wanted: Vec<_> = SERVICE.ops.iter().map(|op| op.name).collect();
    assert_eq!(declared, wanted);
    assert!(SERVICE.unserved.is_empty());
}

#[tokio::test]
async fn a_queue_is_made_found_and_deleted() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    assert!(url.ends_with("://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q"), "{url}");
    assert_eq!(make(&cloud, "q", &[]).await, url, "again is the same");
    let find = || GetQueueUrlRequest { queue_name: "q".into(), ..Default::default() };
    assert_eq!(cloud.call(op::GetQueueUrl, find()).await.unwrap().queue_url.unwrap(), url);
    send(&cloud, "q", "by name").await;
    send(&cloud, "http://localhost:4566/queue/us-east-1/000000000000/q", "by path").await;
    cloud.call(op::DeleteQueue, DeleteQueueRequest { queue_url: url.clone() }).await.unwrap();
    assert_eq!(refusal(cloud.call(op::GetQueueUrl, find()).await).0, GONE);
    let again = cloud.call(op::DeleteQueue, DeleteQueueRequest { queue_url: url.clone() }).await;
    assert_eq!(refusal(again), (GONE, "The specified queue does not exist.".to_owned()));
    make(&cloud, "q", &[]).await;
    assert!(receive(&cloud, &url).await.is_empty(), "a new queue has no old messages");
}

#[tokio::test]
async fn the_same_name_with_other_attributes_is_refused() {
    let cloud = cloud().await;
    make(&cloud, "q", &[("DelaySeconds", "1")]).await;
    make(&cloud, "q", &[("DelaySeconds", "1")]).await;
    make(&cloud, "q", &[]).await;
    assert_eq!(
        refusal(try_make(&cloud, "q", &[("DelaySeconds", "2")]).await),
        (
            "QueueAlreadyExists",
            "A queue already exists with the same name and a different value for attribute DelaySeconds"
                .into()
        )
    );
    assert_eq!(refusal(try_make(&cloud, "a b", &[]).await).0, "InvalidParameterValue");
    assert_eq!(refusal(try_make(&cloud, "q.fifo", &[]).await).0, "InvalidParameterValue");
    assert_eq!(refusal(try_make(&cloud, "q", &[("FifoQueue", "true")]).await).0, "InvalidParameterValue");
}

#[tokio::test]
async fn queues_are_listed_by_prefix_in_pages() {
    let cloud = cloud().await;
    for n in 0..5 {
        make(&cloud, &format!("a{n}"), &[]).await;
    }
    make(&cloud, "a", &[]).await;
    make(&cloud, "b", &[]).await;
    let list = async |prefix: Option<&str>, max_results, next_token| {
        let queue_name_prefix = prefix.map(str::to_owned);
        let input = ListQueuesRequest { queue_name_prefix, next_token, max_results };
        let page = cloud.call(op::ListQueues, input).await.unwrap();
        let urls = page.queue_urls.unwrap_or_default();
        let names: Vec<_> = urls.iter().map(|url| url.rsplit('/').next().unwrap().to_owned()).collect();
        (names, page.next_token)
    };
    assert_eq!(list(None, None, None).await.0, ["a", "a0", "a1", "a2", "a3", "a4", "b"]);
    assert_eq!(list(Some("a"), None, None).await.0, ["a", "a0", "a1", "a2", "a3", "a4"]);
    assert_eq!(list(Some("a0"), None, None).await.0, ["a0"]);
    assert!(list(Some("zz"), None, None).await.0.is_empty());
    let (first, token) = list(Some("a"), Some(4), None).await;
    assert_eq!(first, ["a", "a0", "a1", "a2"]);
    let (second, token) = list(Some("a"), Some(4), token).await;
    assert_eq!((second.as_slice(), token), (["a3".to_owned(), "a4".to_owned()].as_slice(), None));
    let bad = ListQueuesRequest { next_token: Some("x".into()), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::ListQueues, bad).await).0, "InvalidParameterValue");
    let bad = ListQueuesRequest { max_results: Some(1_001), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::ListQueues, bad).await).0, "InvalidParameterValue");
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sqs:SendMessage","Resource":"*"}]}"#;

#[tokio::test]
async fn attributes_are_shown_and_set() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[("VisibilityTimeout", "20")]).await;
    let all = attributes(&cloud, &url).await;
    let shown = |name: &str| all.get(name).unwrap().as_str();
    assert_eq!(shown("VisibilityTimeout"), "20");
    assert_eq!(shown("MaximumMessageSize"), "1048576");
    assert_eq!(shown("SqsManagedSseEnabled"), "true");
    assert_eq!(shown("QueueArn"), "arn:aws:sqs:us-east-1:000000000000:q");
    assert_eq!(shown("CreatedTimestamp"), (cloud.now() / 1_000).to_string());
    assert_eq!(all.len(), 12);
    cloud.advance(5 * SECOND);
    set(&cloud, &url, &[("DelaySeconds", "7"), ("Policy", POLICY)]).await.unwrap();
    let all = attributes(&cloud, &url).await;
    assert_eq!(all.get("DelaySeconds").unwrap(), "7");
    assert_eq!(all.get("Policy").unwrap(), POLICY);
    assert_eq!(all.get("LastModifiedTimestamp").unwrap(), &(cloud.now() / 1_000).to_string());
    assert_eq!(refusal(set(&cloud, &url, &[("X", "1")]).await).0, "InvalidAttributeName");
    assert_eq!(refusal(set(&cloud, &url, &[("DelaySeconds", "x")]).await).0, "InvalidAttributeValue");
    let names = |names: &[&str]| GetQueueAttributesRequest {
        queue_url: url.clone(),
        attribute_names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let some = cloud.call(op::GetQueueAttributes, names(&["DelaySeconds"])).await.unwrap();
    assert_eq!(some.attributes.unwrap(), map(&[("DelaySeconds", "7")]));
    assert_eq!(cloud.call(op::GetQueueAttributes, names(&[])).await.unwrap().attributes, None);
    let unknown = cloud.call(op::GetQueueAttributes, names(&["Nope"])).await;
    assert_eq!(refusal(unknown), ("InvalidAttributeName", "Unknown Attribute Nope.".into()));
}

#[tokio::test]
async fn tags_come_and_go() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let tags = async || {
        let input = ListQueueTagsRequest { queue_url: url.clone() };
        cloud.call(op::ListQueueTags, input).await.unwrap().tags
    };
    assert_eq!(tags().await, None);
    let add = |tags| TagQueueRequest { queue_url: url.clone(), tags };
    cloud.call(op::TagQueue, add(map(&[("a", "1"), ("b", "")]))).await.unwrap();
    assert_eq!(tags().await, Some(map(&[("a", "1"), ("b", "")])));
    let take = UntagQueueRequest { queue_url: url.clone(), tag_keys: vec!["a".into(), "none".into()] };
    cloud.call(op::UntagQueue, take).await.unwrap();
    assert_eq!(tags().await, Some(map(&[("b", "")])));
    assert_eq!(refusal(cloud.call(op::TagQueue, add(map(&[]))).await).0, "MissingParameter");
}

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let add = |label: &str| AddPermissionRequest {
        queue_url: url.clone(),
        label: label.into(),
        aws_account_ids: vec!["111111111111".into()],
        actions: vec!["ReceiveMessage".into()],
    };
    cloud.call(op::AddPermission, add("one")).await.unwrap();
    let policy = attributes(&cloud, &url).await.remove("Policy").unwrap();
    assert!(policy.contains("\"SQS:ReceiveMessage\""), "{policy}");
    assert!(refusal(cloud.call(op::AddPermission, add("one")).await).1.ends_with("Already exists."));
    let remove = |label: &str| RemovePermissionRequest { queue_url: url.clone(), label: label.into() };
    cloud.call(op::RemovePermission, remove("one")).await.unwrap();
    assert!(!attributes(&cloud, &url).await.contains_key("Policy"));
    assert_eq!(refusal(cloud.call(op::RemovePermission, remove("one")).await).0, "InvalidParameterValue");
}

#[tokio::test]
async fn strangers_are_denied_and_regions_are_apart() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let stranger = cloud.as_account("111111111111");
    let receive = || ReceiveMessageRequest { queue_url: url.clone(), ..Default::default() };
    assert_eq!(refusal(stranger.call(op::ReceiveMessage, receive()).await).0, "AccessDenied");
    assert_eq!(refusal(cloud.anonymous().call(op::ReceiveMessage, receive()).await).0, "AccessDenied");
    let elsewhere = cloud.in_region("eu-west-1");
    let find = GetQueueUrlRequest { queue_name: "q".into(), ..Default::default() };
    assert_eq!(refusal(elsewhere.call(op::GetQueueUrl, find).await).0, GONE);
    make(&elsewhere, "q", &[]).await;
    send(&cloud, &url, "here").await;
    assert!(crate::receive(&elsewhere, "q").await.is_empty());
    let by_url = crate::receive(&elsewhere, &url).await;
    assert_eq!(bodies(&by_url), ["here"], "a URL says its region");
    delete(&elsewhere, &url, &by_url[0]).await;
}

#[tokio::test]
async fn a_purge_empties_the_queue_once_a_minute() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    for n in 0..3 {
        send(&cloud, &url, &n.to_string()).await;
    }
    let in_flight = receive_with(&cloud, &url, 1, None).await;
    let purge = || PurgeQueueRequest { queue_url: url.clone() };
    cloud.call(op::PurgeQueue, purge()).await.unwrap();
    assert_eq!(counts(&cloud, &url).await, (0, 0, 0));
    delete(&cloud, &url, &in_flight[0]).await;
    send(&cloud, &url, "after").await;
    assert_eq!(
        refusal(cloud.call(op::PurgeQueue, purge()).await),
        (
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            "Only one PurgeQueue operation on q is allowed every 60 seconds.".into()
        )
    );
    assert_eq!(bodies(&receive(&cloud, &url).await), ["after"]);
    cloud.advance(60 * SECOND);
    cloud.call(op::PurgeQueue, purge()).await.unwrap();
}

#[tokio::test]
async fn a_reset_forgets_every_queue() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, "x").await;
    cloud.house.reset().await.unwrap();
    let list = ListQueuesRequest::default();
    assert_eq!(cloud.call(op::ListQueues, list).await.unwrap().queue_urls, None);
    make(&cloud, "q", &[]).await;
    assert!(receive(&cloud, &url).await.is_empty());
}
