//! Samples grow coarser with age, and their sums stay.

use super::{DAY, MINUTE, cloud, datum, put, settle, sums};
use api_cloudwatch::MetricDatum;

#[tokio::test]
async fn seconds_become_minutes_then_five_then_hours_and_are_gone_after_fifteen_months() {
    let cloud = cloud().await;
    let at = cloud.now();
    let second = |n: i64| MetricDatum { storage_resolution: Some(1), ..datum("m", at + n * 1_000, 1.0) };
    put(&cloud, (0..600).map(second).collect()).await.unwrap();
    settle(&cloud).await;
    let end = at + 600_000;
    assert_eq!(sums(&cloud, "m", at, end, 1).await.len(), 600);
    assert_eq!(sums(&cloud, "m", at, end, 10).await[0], (at, 10.0));

    // Coarser from the moment they are too old, wherever they lie.
    for _ in 0..2 {
        cloud.advance(2 * 60 * MINUTE);
        settle(&cloud).await;
    }
    let by_minute = sums(&cloud, "m", at, end, 60).await;
    assert_eq!((by_minute.len(), by_minute[0]), (10, (at, 60.0)));

    cloud.advance(16 * DAY);
    for _ in 0..2 {
        let by_five = sums(&cloud, "m", at, end, 60).await;
        assert_eq!(by_five, [(at, 300.0), (at + 300_000, 300.0)]);
        cloud.advance(DAY);
        settle(&cloud).await;
    }

    cloud.advance(60 * DAY);
    for _ in 0..2 {
        assert_eq!(sums(&cloud, "m", at, end, 300).await, [(at, 600.0)]);
        cloud.advance(10 * DAY);
        settle(&cloud).await;
    }

    cloud.advance(455 * DAY);
    for _ in 0..2 {
        assert_eq!(sums(&cloud, "m", at, end, 3_600).await, []);
        cloud.advance(100 * DAY);
        settle(&cloud).await;
    }
}

#[tokio::test]
async fn what_comes_late_joins_what_is_there() {
    let cloud = cloud().await;
    let at = cloud.now();
    put(&cloud, vec![datum("m", at, 1.0)]).await.unwrap();
    cloud.advance(13 * DAY);
    settle(&cloud).await;
    put(&cloud, vec![datum("m", at, 2.0)]).await.unwrap();
    assert_eq!(sums(&cloud, "m", at, at + MINUTE, 60).await, [(at, 3.0)]);
    cloud.advance(3 * DAY);
    // However many are at it: no sample goes on twice.
    tokio::join!(settle(&cloud), settle(&cloud), settle(&cloud));
    assert_eq!(sums(&cloud, "m", at, at + MINUTE, 300).await, [(at, 3.0)]);
}
