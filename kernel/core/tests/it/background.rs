//! What goes on without a caller: controllers, events, timers; also over a restart.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::testing::TestCloud;
use store::Store;

use crate::toy::{Diary, HOUR_MS, Note, WriteNote, cloud, service};

#[tokio::test]
async fn a_nudge_runs_the_controller_until_it_succeeds() {
    let (cloud, diary) = cloud().await;
    diary.reconcile_failures_left.store(2, Ordering::SeqCst);
    cloud.call(WriteNote, Note::new("a")).await.unwrap();
    cloud
        .eventually("the third run", async || {
            cloud.advance(100);
            (diary.reconciled.load(Ordering::SeqCst) == 3).then_some(())
        })
        .await;
    let status = &cloud.house.controllers()[0];
    assert_eq!(status.failures, 2);
    assert!(status.last_error.as_deref().unwrap().contains("not yet"));
}

#[tokio::test]
async fn an_event_is_delivered_until_it_is_taken() {
    let (cloud, diary) = cloud().await;
    diary.refusals_left.store(2, Ordering::SeqCst);
    cloud.call(WriteNote, Note::new("news")).await.unwrap();
    cloud
        .eventually("it is heard", async || {
            cloud.advance(100);
            (!diary.heard.lock().unwrap().is_empty()).then_some(())
        })
        .await;
    assert_eq!(*diary.heard.lock().unwrap(), ["news"]);
}

#[tokio::test]
async fn a_timer_rings_once_at_its_time() {
    let (cloud, diary) = cloud().await;
    cloud.call(WriteNote, Note::new("tea")).await.unwrap();
    cloud.advance(999);
    cloud.eventually("the runner sleeps again", async || (cloud.clock.sleepers() > 2).then_some(())).await;
    assert!(diary.rung.lock().unwrap().is_empty());
    cloud.advance(1);
    cloud.eventually("it rings", async || (!diary.rung.lock().unwrap().is_empty()).then_some(())).await;
    cloud.advance(10_000);
    assert_eq!(*diary.rung.lock().unwrap(), ["tea"]);
}

#[tokio::test]
async fn timers_and_events_survive_a_restart() {
    let store = Store::temporary().unwrap();
    let before = Arc::new(Diary::default());
    before.refusals_left.store(u32::MAX, Ordering::SeqCst);
    let cloud = TestCloud::over(store.clone(), vec![service(before.clone())]).await;
    cloud.call(WriteNote, Note::new("later")).await.unwrap();
    cloud.house.close().await;
    drop(cloud);

    let after = Arc::new(Diary::default());
    let cloud = TestCloud::over(store, vec![service(after.clone())]).await;
    cloud
        .eventually("both arrive", async || {
            cloud.advance(500);
            let heard = after.heard.lock().unwrap().clone();
            let rung = after.rung.lock().unwrap().clone();
            (heard == ["later"] && rung == ["later"]).then_some(())
        })
        .await;
    assert!(before.rung.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_hourly_sweep_goes_on_counting_over_restarts() {
    const MINUTE_MS: i64 = 60_000;
    let store = Store::temporary().unwrap();
    let diary = Arc::new(Diary::default());
    // Twenty minutes each: it would never come if each start counted anew.
    for start in 0..3 {
        let services = vec![service(diary.clone())];
        let cloud = TestCloud::over_after(store.clone(), start * 20 * MINUTE_MS, services).await;
        cloud.advance(19 * MINUTE_MS);
        cloud.call(WriteNote, Note::new("it is open")).await.unwrap();
        assert_eq!(diary.swept.load(Ordering::SeqCst), 0);
        cloud.house.close().await;
    }
    let swept = async |after: i64, waits: i64, count: u32| {
        let cloud = TestCloud::over_after(store.clone(), after, vec![service(diary.clone())]).await;
        cloud.advance(waits);
        cloud
            .eventually("it is swept", async || (diary.swept.load(Ordering::SeqCst) == count).then_some(()))
            .await;
        cloud.house.close().await;
    };
    swept(HOUR_MS, MINUTE_MS, 1).await;
    swept(9 * HOUR_MS, MINUTE_MS, 2).await;
}
