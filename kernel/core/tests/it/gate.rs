//! Who gets in, and what is written down of it.

use kernel::gate::not_implemented;

use crate::toy::{Note, ReadNote, Wait, WriteNote, cloud};

#[tokio::test]
async fn accounts_and_regions_are_strangers() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("mine")).await.unwrap();
    assert_eq!(cloud.call(ReadNote, Note::default()).await.unwrap().text.as_deref(), Some("mine"));
    let other = cloud.as_account("111111111111");
    assert_eq!(other.call(ReadNote, Note::default()).await.unwrap().text, None);
    let elsewhere = cloud.in_region("eu-west-1");
    assert_eq!(elsewhere.call(ReadNote, Note::default()).await.unwrap().text, None);
}

#[tokio::test]
async fn without_a_signature_there_is_no_way_in() {
    let (cloud, _) = cloud().await;
    let refusal = cloud.anonymous().call(ReadNote, Note::default()).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("AccessDeniedException", 403));
}

#[tokio::test]
async fn every_call_leaves_a_record_and_a_count() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    cloud.call(WriteNote, Note::new("")).await.unwrap_err();
    let records = cloud.house.audit().latest(2);
    assert_eq!(records[0].error, Some("EmptyNote"));
    assert_eq!(records[1].action, "toy:WriteNote");
    assert_eq!(records[1].resources, ["arn:aws:toy:us-east-1:000000000000:note"]);
    cloud.advance(1_000);
    let ctx = cloud.ctx("toy");
    let lines = cloud.eventually("the counts are written down", async || {
        let lines = kernel::meter::list(&ctx, "toy", None, 10).await.unwrap();
        (!lines.is_empty()).then_some(lines)
    });
    assert_eq!(lines.await[0].1.quantity, 2);
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let (cloud, _) = cloud().await;
    let unserved = shape::OpDef { name: "EraseNote", ..*<WriteNote as shape::Operation>::DEF };
    let refusal = cloud.house.new_input(&unserved).err().unwrap();
    assert_eq!(refusal.to_string(), not_implemented("toy", "EraseNote").to_string());
    assert_eq!(refusal.status(), 501);
}

#[tokio::test]
async fn a_reset_interrupts_those_who_wait_and_forgets_everything() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    let (waited, reset) = tokio::join!(cloud.call(Wait, Note::default()), async {
        cloud.eventually("it waits", async || (cloud.clock.sleepers() > 3).then_some(())).await;
        cloud.house.reset().await
    });
    reset.unwrap();
    assert_eq!(waited.unwrap_err().status(), 503);
    assert_eq!(cloud.call(ReadNote, Note::default()).await.unwrap().text, None);
    cloud.call(WriteNote, Note::new("b")).await.unwrap();
    assert_eq!(cloud.call(ReadNote, Note::default()).await.unwrap().text.as_deref(), Some("b"));
}
