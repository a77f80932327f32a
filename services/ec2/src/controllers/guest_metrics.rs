//! Measures what a guest asks for, inside of it, and puts it with the permissions of its role.

use std::collections::{BTreeMap, BTreeSet};

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, op};
use kernel::{Millis, Result};
use shape::Timestamp;

use super::guest_agent::Visit;
use super::metric::DATA_MAX;
use crate::rules::guest_metrics::{Kind, Metrics, Section};
use crate::rules::guest_sample::{self as sample, Answer, Counted, Row};
use crate::rules::guest_tail::OTHER_AGENT;
use crate::rules::{instance_type, region};
use crate::state::tag;

/// The tag that says which group an instance is in.
const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// Below so many seconds from one value to the next, metrics are kept by the second.
const COARSE_S: i64 = 60;

/// What is remembered of a guest's metrics from one look to the next.
#[derive(Clone, Default)]
pub(super) struct Sampling {
    last: BTreeMap<Kind, Counted>,
    /// Why what was measured last was not put.
    refused: Option<String>,
    /// What the guest does not tell.
    untold: BTreeMap<Kind, BTreeSet<&'static str>>,
}

impl Sampling {
    /// Why not everything is as it was asked for.
    pub(super) fn complaints(&self) -> Vec<String> {
        let refused = self.refused.iter().map(|why| format!("metrics are not put: {why}"));
        let untold = self.untold.iter().filter(|(_, fields)| !fields.is_empty()).map(|(kind, fields)| {
            let fields = fields.iter().copied().collect::<Vec<_>>().join(", ");
            format!("metrics.metrics_collected.{}: this machine does not tell {fields}", kind.name())
        });
        refused.chain(untold).collect()
    }

    /// Measures what is due, and puts it.
    pub(super) async fn sample(&mut self, visit: &Visit<'_>, metrics: &Metrics) -> Result<()> {
        let now = visit.ctx.now();
        let is_due = |section: &&Section| {
            let slot = |at: Millis| at.div_euclid(section.every_s * 1_000);
            self.last.get(&section.kind).is_none_or(|last| slot(last.at) != slot(now))
        };
        let due: Vec<&Section> = metrics.sections.iter().filter(is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let answer = visit.exec(sample::command(due.iter().map(|section| section.kind))).await?;
        if answer.code == OTHER_AGENT {
            return Ok(());
        }
        let answer = Answer::read(&answer.stdout);
        let vcpus = instance_type::find(&visit.instance.instance_type).map_or(1, |size| size.vcpus);
        let usual = usual_dimensions(visit, metrics).await?;
        let mut data = Vec::new();
        for section in due {
            let before = self.last.get(&section.kind);
            let (rows, counted) = sample::rows(section, &answer, before, now, f64::from(vcpus));
            if before.is_some() || !rows.is_empty() {
                self.untold.insert(section.kind, untold(section, &rows));
            }
            self.last.insert(section.kind, counted);
            data.extend(rows.iter().flat_map(|row| data_of(metrics, section, row, &usual, now)));
        }
        let outcome = put(visit, metrics, data).await;
        self.refused = outcome.err().map(|error| error.to_string());
        Ok(())
    }
}

/// What was asked for and is in no row.
fn untold(section: &Section, rows: &[Row]) -> BTreeSet<&'static str> {
    let is_told = |field: &str| rows.iter().any(|row| row.values.contains_key(field));
    section.measures.iter().map(|measure| measure.field).filter(|field| !is_told(field)).collect()
}

/// Dimensions that all metrics have: what was asked for of the instance, or else the name of the host.
async fn usual_dimensions(visit: &Visit<'_>, metrics: &Metrics) -> Result<Vec<Dimension>> {
    let (ctx, instance) = (visit.ctx, visit.instance);
    if metrics.about.is_empty() {
        let name = region::private_dns_name(ctx.region().as_str(), instance.private_ip);
        return Ok(vec![dimension("host", name)]);
    }
    let tags = ctx.read(|snap| tag::of(snap, ctx.scope(), &instance.id)).await?;
    let value = |name: &str| match name {
        "ImageId" => Some(instance.image.to_string()),
        "InstanceId" => Some(instance.id.to_string()),
        "InstanceType" => Some(instance.instance_type.clone()),
        _ => tags.get(GROUP_TAG).cloned(),
    };
    Ok(metrics.about.iter().filter_map(|name| Some(dimension(name, value(name)?))).collect())
}

fn dimension(name: &str, value: String) -> Dimension {
    Dimension { name: name.to_owned(), value }
}

/// Each value under all its dimensions, and under every set of some of them that was asked for.
fn data_of<'a>(
    metrics: &'a Metrics,
    section: &'a Section,
    row: &'a Row,
    usual: &'a [Dimension],
    now: Millis,
) -> impl Iterator<Item = MetricDatum> + 'a {
    let own = row.dimensions.iter().map(|(name, value)| dimension(name, value.clone()));
    let added = section.dimensions.iter().map(|(name, value)| dimension(name, value.clone()));
    let all: Vec<Dimension> = own.chain(added).chain(usual.iter().cloned()).collect();
    let some = |names: &Vec<String>| -> Option<Vec<Dimension>> {
        let found = |name: &String| all.iter().find(|one| one.name == *name).cloned();
        (names.len() < all.len()).then(|| names.iter().map(found).collect())?
    };
    let sets: Vec<_> = metrics.aggregations.iter().filter_map(some).collect();
    let sets: Vec<_> = std::iter::once(all).chain(sets).collect();
    section.measures.iter().filter_map(|measure| Some((measure, *row.values.get(measure.field)?))).flat_map(
        move |(measure, value)| {
            sets.clone().into_iter().map(move |dimensions| MetricDatum {
                metric_name: measure.name.clone(),
                dimensions: Some(dimensions),
                timestamp: Some(Timestamp::from_millis(now)),
                value: Some(value),
                unit: Some(measure.unit.clone()),
                storage_resolution: (section.every_s < COARSE_S).then_some(1),
                ..MetricDatum::default()
            })
        },
    )
}

async fn put(visit: &Visit<'_>, metrics: &Metrics, data: Vec<MetricDatum>) -> Result<()> {
    for some in data.chunks(DATA_MAX) {
        let input = PutMetricDataInput {
            namespace: metrics.namespace.clone(),
            metric_data: Some(some.to_vec()),
            ..PutMetricDataInput::default()
        };
        visit.in_role().await?.call(op::PutMetricData, input).await?;
    }
    Ok(())
}
