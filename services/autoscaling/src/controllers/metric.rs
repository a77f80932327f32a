//! Puts the metrics of groups, every minute.

use std::collections::{BTreeMap, BTreeSet};

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, op};
use kernel::{Ctx, Millis, Result, Scope};
use shape::Timestamp;

use crate::rules::metric::value;
use crate::state::policy::{self, Kind};
use crate::state::{group, instance};

pub const EVERY_MS: Millis = 60_000;
/// Data of one call.
const DATA_MAX: usize = 1_000;
const IN_SERVICE: &str = "GroupInServiceInstances";
const NAMESPACE: &str = "AWS/AutoScaling";

pub async fn put_all(ctx: &Ctx) -> Result<()> {
    let mut data: BTreeMap<Scope, Vec<MetricDatum>> = BTreeMap::new();
    let groups = ctx.read(|snap| group::all_scopes(snap)).await?;
    let policies = ctx.read(|snap| policy::all_scopes(snap)).await?;
    // Predictive policies learn from it what an instance bears.
    let foretold: BTreeSet<(Scope, &str)> = policies
        .iter()
        .filter(|(_, one)| one.kind() == Kind::Predictive)
        .map(|(scope, one)| (*scope, one.group()))
        .collect();
    for (scope, group) in &groups {
        let mut names = group.metrics.clone();
        if foretold.contains(&(*scope, group.name())) && !names.iter().any(|name| name == IN_SERVICE) {
            names.push(IN_SERVICE.to_owned());
        }
        if names.is_empty() {
            continue;
        }
        let instances = ctx.read(|snap| instance::of_group(snap, scope, group.name())).await?;
        let dimension = Dimension { name: "AutoScalingGroupName".to_owned(), value: group.name().to_owned() };
        let datum = |name: &String| MetricDatum {
            metric_name: name.clone(),
            dimensions: Some(vec![dimension.clone()]),
            timestamp: Some(Timestamp::from_millis(ctx.now())),
            value: Some(value(name, group, &instances)),
            unit: Some("None".to_owned()),
            ..MetricDatum::default()
        };
        data.entry(*scope).or_default().extend(names.iter().map(datum));
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
