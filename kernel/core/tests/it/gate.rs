//! Who gets in, and what is written down of it.

use kernel::audit::AuditLimits;
use kernel::gate::not_implemented;
use kernel::testing::TestCloud;
use kernel::{GateSettings, Mode};

use crate::toy::{Note, ReadNamed, ReadNote, Wait, WriteNote, cloud, cloud_with};

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
    assert_eq!((refusal.code(), refusal.status()), ("AccessDeniedException", 400));
}

#[tokio::test]
async fn what_begins_like_an_arn_and_is_none_is_nobodys() {
    let (cloud, _) = cloud().await;
    for good in ["arn:aws:toy:us-east-1:000000000000:note", "arn:aws:toy:::note", "*", "note"] {
        assert!(cloud.call(ReadNamed, Note::new(good)).await.is_ok(), "{good}");
    }
    for bad in
        ["arn:", "arn:aws", "arn::toy:us-east-1:000000000000:note", "arn:aws:toy:us-east-1:000000000000:"]
    {
        let refusal = cloud.call(ReadNamed, Note::new(bad)).await.unwrap_err();
        assert_eq!(refusal.code(), "AccessDeniedException", "{bad}");
    }
}

#[tokio::test]
async fn every_call_leaves_a_record_and_a_count() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    cloud.call(WriteNote, Note::new("")).await.unwrap_err();
    let records = cloud.house.audit().latest(2);
    assert_eq!(records[0]["error"], "EmptyNote");
    assert_eq!(records[1]["action"], "toy:WriteNote");
    assert_eq!(records[1]["resources"][0], "arn:aws:toy:us-east-1:000000000000:note");
    let ctx = cloud.ctx("toy");
    ctx.count("Toys-Bytes", 7);
    let lines = cloud.eventually("the counts are written down", async || {
        cloud.advance(1_000);
        let lines = kernel::meter::list(&ctx, "toy", None, 10).await.unwrap();
        (lines.len() == 2).then_some(lines)
    });
    let shown: Vec<_> =
        lines.await.into_iter().map(|(_, line)| (line.usage_type, line.quantity, line.unit)).collect();
    let of = |usage_type: &str, quantity, unit: &str| (usage_type.to_owned(), quantity, unit.to_owned());
    assert_eq!(shown, [of("Requests", 2, "Requests"), of("Toys-Bytes", 7, "Bytes")]);
}

#[tokio::test]
async fn somebody_else_may_pay() {
    let (cloud, _) = cloud().await;
    let owner = cloud.as_account("111122223333");
    let ctx = cloud.ctx("toy");
    ctx.bill_to(owner.scope().account);
    ctx.bill_to("444455556666".parse().unwrap());
    ctx.count("Toys-Bytes", 7);
    let line = cloud.eventually("the count is written down", async || {
        cloud.advance(1_000);
        kernel::meter::list(&owner.ctx("toy"), "toy", None, 10).await.unwrap().pop()
    });
    assert_eq!(line.await.1.quantity, 7);
    assert!(kernel::meter::list(&ctx, "toy", None, 10).await.unwrap().is_empty());
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

#[tokio::test]
async fn decisions_last_and_say_what_decided() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    cloud.call(ReadNote, Note::default()).await.unwrap();
    cloud.anonymous().call(ReadNote, Note::default()).await.unwrap_err();
    let all = cloud.house.audit_records("", |_| true, 10).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|r| (r["action"].as_str().unwrap(), r["decision"].as_str().unwrap())).collect();
    let expected = [("toy:ReadNote", "denied"), ("toy:ReadNote", "allowed"), ("toy:WriteNote", "allowed")];
    assert_eq!(told, expected);
    let denied = cloud.house.audit_records("denied", |r| r["decision"] == "denied", 10).await.unwrap();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["rulings"][0]["outcome"], "implicitDeny");
    assert_eq!(denied[0]["error"], "AccessDeniedException");
}

#[tokio::test]
async fn what_a_denial_leaves_survives_a_kill() {
    let (cloud, _) = cloud().await;
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    cloud.anonymous().call(ReadNote, Note::default()).await.unwrap_err();
    // Nothing is flushed any more, as after a kill.
    let again = TestCloud::over(cloud.house.store().clone(), Vec::new()).await;
    assert_eq!(again.house.audit_records("", |_| true, 10).await.unwrap().len(), 2);
    again.house.reset().await.unwrap();
    assert_eq!(again.house.audit_records("", |_| true, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn records_are_bounded_by_count_and_age() {
    let settings = GateSettings {
        audit: AuditLimits { records_max: 5, age_ms_max: 3_600_000 },
        ..GateSettings::default()
    };
    let (cloud, _) = cloud_with(settings).await;
    let count = async || cloud.house.audit_records("", |_| true, 100).await.unwrap().len();
    for _ in 0..20 {
        cloud.call(ReadNote, Note::default()).await.unwrap();
        // Each is a batch of its own.
        count().await;
    }
    assert_eq!(count().await, 5);
    cloud.advance(3_600_001);
    cloud.eventually("old ones are removed", async || (count().await == 0).then_some(())).await;
}

#[tokio::test]
async fn an_observing_gate_lets_those_pass_who_signed() {
    let settings = GateSettings { mode: Mode::Observe, ..GateSettings::default() };
    let (cloud, _) = cloud_with(settings).await;
    let kim = cloud.as_identity("arn:aws:iam::000000000000:user/kim", "AIDAKIM");
    kim.call(WriteNote, Note::new("a")).await.unwrap();
    cloud.anonymous().call(ReadNote, Note::default()).await.unwrap_err();
    let of = async |decision: &'static str| {
        cloud.house.audit_records(decision, |r| r["decision"] == decision, 10).await.unwrap().len()
    };
    assert_eq!((of("would-be-denied").await, of("denied").await), (1, 1));
}
