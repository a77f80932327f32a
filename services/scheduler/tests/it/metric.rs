//! What came of calls is counted, group by group.

use api_cloudwatch as cw;
use api_scheduler::*;
use kernel::testing::TestCloud;
use shape::Timestamp;

use super::{MINUTE, cloud, create, next, queue, schedule};

const DAY_S: i32 = 86_400;

/// What was counted of the default group.
async fn sum(cloud: &TestCloud, metric: &str) -> f64 {
    let at = |days: i64| Timestamp::from_millis(cloud.now() + days * i64::from(DAY_S) * 1_000);
    let input = cw::GetMetricStatisticsInput {
        namespace: "AWS/Scheduler".to_owned(),
        metric_name: metric.to_owned(),
        dimensions: Some(vec![cw::Dimension {
            name: "ScheduleGroup".to_owned(),
            value: "default".to_owned(),
        }]),
        start_time: at(-2),
        end_time: at(1),
        period: DAY_S,
        statistics: Some(vec!["Sum".to_owned()]),
        ..Default::default()
    };
    let found = cloud.call(cw::op::GetMetricStatistics, input).await.unwrap().datapoints.unwrap_or_default();
    found.iter().filter_map(|one| one.sum).sum()
}

#[tokio::test]
async fn tries_failures_and_dead_letters_are_counted() {
    let cloud = cloud().await;
    let (good, dead) = (queue(&cloud, "jobs").await, queue(&cloud, "dead").await);
    let at = jiff::Timestamp::from_millisecond(cloud.now() + MINUTE).unwrap();
    let at = format!("at({})", at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"));
    create(&cloud, schedule("good", &at, &good)).await.unwrap();
    let mut gone = schedule("gone", &at, &cloud.scope().arn("sqs", "nowhere"));
    gone.target.dead_letter_config = Some(DeadLetterConfig { arn: Some(dead) });
    create(&cloud, gone).await.unwrap();
    cloud.advance(MINUTE);
    next(&cloud, "jobs").await;
    next(&cloud, "dead").await;
    let counted = async || {
        cloud.advance(MINUTE);
        (sum(&cloud, "InvocationsSentToDeadLetterCount").await == 1.0).then_some(())
    };
    cloud.eventually("the dead letter is counted", counted).await;
    let all = ["InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount"];
    for (metric, expected) in all.into_iter().zip([2.0, 1.0, 1.0]) {
        assert_eq!(sum(&cloud, metric).await, expected, "{metric}");
    }
}
