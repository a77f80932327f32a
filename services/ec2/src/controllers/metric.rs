//! Puts the metrics of instances: every minute with detailed monitoring, else every five minutes.
//!
//! Engines count since a machine's start; what is put is the difference to the last look, which memory keeps. After a
//! start of the house the first look only counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, op};
use kernel::{Ctx, Millis, Result, Scope};
use net::{Counters, NetworkId, NicId};
use shape::Timestamp;

use super::instance::machine_id;
use super::network::{network_id, nic_id};
use super::status::probed;
use crate::rules::instance::State;
use crate::rules::instance_status::Probe;
use crate::rules::instance_type;
use crate::service::Engines;
use crate::state::id::InstanceId;
use crate::state::instance::{self, Instance};
use crate::state::tag;

pub const EVERY_MS: Millis = 60_000;
/// Without detailed monitoring.
pub(super) const BASIC_MS: Millis = 300_000;
/// Data of one call.
pub(super) const DATA_MAX: usize = 1_000;
const NAMESPACE: &str = "AWS/EC2";
/// Tags that name what an instance is one of, and the dimensions its metrics are found by there.
const GROUPS: [(&str, &str); 2] = [
    ("aws:autoscaling:groupName", "AutoScalingGroupName"),
    ("aws:ec2spot:fleet-request-id", "FleetRequestId"),
];

/// What engines had counted of an instance.
#[derive(Clone, Copy)]
struct Look {
    at: Millis,
    cpu_ns: u64,
    read_bytes: u64,
    written_bytes: u64,
    reads: u64,
    writes: u64,
    net: Counters,
}

/// The look that each instance's next metrics are counted from.
#[derive(Default)]
pub struct Looks(Mutex<HashMap<InstanceId, Look>>);

impl Looks {
    /// Remembers the look, and gives the one before, if metrics are due between them.
    fn next(&self, instance: &Instance, look: Look) -> Option<Look> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = looks.get(&instance.id).copied();
        let is_due = before.is_none_or(|before| {
            instance.monitoring
                || look.at.div_euclid(BASIC_MS) != before.at.div_euclid(BASIC_MS)
                || look.cpu_ns < before.cpu_ns
        });
        if is_due {
            looks.insert(instance.id.clone(), look);
        }
        // Less than before: the machine has been started again since.
        before.filter(|before| is_due && look.at > before.at && look.cpu_ns >= before.cpu_ns)
    }

    fn keep(&self, running: &[(Scope, Instance)]) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|id, _| running.iter().any(|(_, instance)| instance.id == *id));
    }
}

/// Looks at every instance that runs.
pub async fn put_all(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let running: Vec<_> = all.into_iter().filter(|(_, one)| one.state() == State::Running).collect();
    ctx.own::<Looks>().keep(&running);
    let mut networks: BTreeMap<NetworkId, BTreeMap<NicId, Counters>> = BTreeMap::new();
    let mut data: BTreeMap<Scope, Vec<MetricDatum>> = BTreeMap::new();
    for (scope, instance) in &running {
        let network = network_id(&instance.vpc);
        if !networks.contains_key(&network) {
            // A network that is being made anew has counted nothing.
            let traffic = ctx.own::<Engines>().networks.traffic(network.clone()).await;
            networks.insert(network.clone(), traffic.unwrap_or_default().nics);
        }
        let net = networks.get(&network).and_then(|nics| nics.get(&nic_id(&instance.interface)));
        let found = look(ctx, instance, net.copied().unwrap_or_default()).await;
        let of_groups = of_groups(ctx, scope, instance, &found).await?;
        data.entry(*scope).or_default().extend(found.into_iter().chain(of_groups));
    }
    let (scopes, instances): (Vec<Scope>, Vec<Instance>) = running.into_iter().unzip();
    for (scope, (instance, probe)) in scopes.into_iter().zip(probed(ctx, instances).await?) {
        data.entry(scope).or_default().extend(checks(&instance, probe, ctx.now()));
    }
    for (scope, data) in data {
        for some in data.chunks(DATA_MAX) {
            put(&ctx.in_scope(scope), some.to_vec()).await?;
        }
    }
    Ok(())
}

/// The same metrics by the group and the spot fleet the instance is in, where it is in one.
async fn of_groups(
    ctx: &Ctx,
    scope: &Scope,
    instance: &Instance,
    found: &[MetricDatum],
) -> Result<Vec<MetricDatum>> {
    let tags = ctx.read(|snap| tag::of(snap, scope, &instance.id)).await?;
    let named = GROUPS.iter().filter_map(|(tag, name)| {
        let (name, value) = ((*name).to_owned(), tags.get(*tag)?.clone());
        Some(Some(vec![Dimension { name, value }]))
    });
    let of = |dimensions: Option<Vec<Dimension>>| {
        found.iter().map(move |one| MetricDatum { dimensions: dimensions.clone(), ..one.clone() })
    };
    Ok(named.flat_map(of).collect())
}

/// A house without CloudWatch has no metrics.
pub(super) async fn put(ctx: &Ctx, data: Vec<MetricDatum>) -> Result<()> {
    let input = PutMetricDataInput {
        namespace: NAMESPACE.to_owned(),
        metric_data: Some(data),
        ..PutMetricDataInput::default()
    };
    ctx.call_if_served(op::PutMetricData, input).await.map(drop)
}

/// What an instance used since the last look that was put. A machine that has just gone has none.
async fn look(ctx: &Ctx, instance: &Instance, net: Counters) -> Vec<MetricDatum> {
    let Ok(id) = machine_id(&instance.id) else { return Vec::new() };
    let Ok(stats) = ctx.own::<Engines>().machines.stats(&id).await else { return Vec::new() };
    let look = Look {
        at: ctx.now(),
        cpu_ns: stats.cpu_ns,
        read_bytes: stats.read_bytes,
        written_bytes: stats.written_bytes,
        reads: stats.reads,
        writes: stats.writes,
        net,
    };
    match ctx.own::<Looks>().next(instance, look) {
        Some(before) => used(instance, &before, &look),
        None => Vec::new(),
    }
}

fn used(instance: &Instance, before: &Look, look: &Look) -> Vec<MetricDatum> {
    let vcpus = instance_type::find(&instance.instance_type).map_or(1, |size| size.vcpus).max(1);
    let span_ns = number(u64::try_from(look.at - before.at).unwrap_or(1)) * 1_000_000.0;
    let cpu = number(look.cpu_ns - before.cpu_ns) / (span_ns * f64::from(vcpus)) * 100.0;
    let more = |f: fn(&Look) -> u64| number(f(look).saturating_sub(f(before)));
    let datum = |name: &str, value: f64, unit: &str| datum(&instance.id, look.at, name, value, unit);
    vec![
        datum("CPUUtilization", cpu.min(100.0), "Percent"),
        datum("NetworkIn", more(|look| look.net.bytes_in), "Bytes"),
        datum("NetworkOut", more(|look| look.net.bytes_out), "Bytes"),
        datum("NetworkPacketsIn", more(|look| look.net.packets_in), "Count"),
        datum("NetworkPacketsOut", more(|look| look.net.packets_out), "Count"),
        datum("EBSReadBytes", more(|look| look.read_bytes), "Bytes"),
        datum("EBSWriteBytes", more(|look| look.written_bytes), "Bytes"),
        datum("EBSReadOps", more(|look| look.reads), "Count"),
        datum("EBSWriteOps", more(|look| look.writes), "Count"),
    ]
}

/// Every minute, as on AWS, whatever the monitoring.
fn checks(instance: &Instance, probe: Option<Probe>, now: Millis) -> Vec<MetricDatum> {
    let Some(Probe { outside, inside, .. }) = probe else { return Vec::new() };
    let datum =
        |name: &str, failed: bool| datum(&instance.id, now, name, if failed { 1.0 } else { 0.0 }, "Count");
    vec![
        datum("StatusCheckFailed", !outside || !inside),
        datum("StatusCheckFailed_Instance", outside && !inside),
        datum("StatusCheckFailed_System", !outside),
    ]
}

pub(super) fn datum(id: &InstanceId, at: Millis, name: &str, value: f64, unit: &str) -> MetricDatum {
    MetricDatum {
        metric_name: name.to_owned(),
        dimensions: Some(vec![Dimension { name: "InstanceId".to_owned(), value: id.to_string() }]),
        timestamp: Some(Timestamp::from_millis(at)),
        value: Some(value),
        unit: Some(unit.to_owned()),
        ..MetricDatum::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts bytes")]
fn number(count: u64) -> f64 {
    count as f64
}
