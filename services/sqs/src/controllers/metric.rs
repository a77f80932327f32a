//! Puts the metrics of the queues in use, every minute.

use std::collections::BTreeMap;

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, StatisticSet, op};
use kernel::{Ctx, Millis, Result, Scope};
use shape::Timestamp;

use crate::state::open::{OpenQueue, Queues};

pub const EVERY_MS: Millis = 60_000;
/// Data of one call.
const DATA_MAX: usize = 1_000;
const NAMESPACE: &str = "AWS/SQS";

pub async fn put_all(ctx: &Ctx) -> Result<()> {
    let mut data: BTreeMap<Scope, Vec<MetricDatum>> = BTreeMap::new();
    for queue in ctx.own::<Queues>().all() {
        data.entry(queue.scope).or_default().extend(metrics(&queue, ctx.now()));
    }
    for (scope, data) in data {
        for some in data.chunks(DATA_MAX) {
            let input = PutMetricDataInput {
                namespace: NAMESPACE.to_owned(),
                metric_data: Some(some.to_vec()),
                ..PutMetricDataInput::default()
            };
            // A house without CloudWatch has no metrics.
            ctx.in_scope(scope).call_if_served(op::PutMetricData, input).await?;
        }
    }
    Ok(())
}

fn metrics(queue: &OpenQueue, now: Millis) -> Vec<MetricDatum> {
    let used = queue.used.take();
    let (counts, oldest) = {
        let mut index = queue.index();
        (index.counts(now), index.oldest_sent_at())
    };
    let datum = |name: &str, value: Option<f64>, unit: &str| MetricDatum {
        metric_name: name.to_owned(),
        dimensions: Some(vec![Dimension { name: "QueueName".to_owned(), value: queue.name.clone() }]),
        timestamp: Some(Timestamp::from_millis(now)),
        value,
        unit: Some(unit.to_owned()),
        ..MetricDatum::default()
    };
    let count = |name: &str, count: usize| datum(name, Some(number(count)), "Count");
    let age_s = oldest.map_or(0, |at| (now - at).max(0) / 1_000);
    let age_s = number(usize::try_from(age_s).unwrap_or_default());
    let mut data = vec![
        count("ApproximateNumberOfMessagesVisible", counts.visible),
        count("ApproximateNumberOfMessagesNotVisible", counts.in_flight),
        count("ApproximateNumberOfMessagesDelayed", counts.delayed),
        datum("ApproximateAgeOfOldestMessage", Some(age_s), "Seconds"),
        count("NumberOfMessagesSent", used.sent.count),
        count("NumberOfMessagesReceived", used.received),
        count("NumberOfMessagesDeleted", used.deleted),
        count("NumberOfEmptyReceives", used.empty_receives),
    ];
    if used.sent.count > 0 {
        let sizes = StatisticSet {
            sample_count: number(used.sent.count),
            sum: number(used.sent.sum),
            minimum: number(used.sent.least),
            maximum: number(used.sent.most),
        };
        data.push(MetricDatum { statistic_values: Some(sizes), ..datum("SentMessageSize", None, "Bytes") });
    }
    data
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}
