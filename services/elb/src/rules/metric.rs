//! What CloudWatch is told of classic load balancers (user guide, "CloudWatch metrics for your Classic Load Balancer").

use std::collections::BTreeMap;

use api_cloudwatch::{Dimension, MetricDatum};
use balance::{FrontSample, PoolSample, Sample};
use kernel::Millis;
use shape::Timestamp;

pub const NAMESPACE: &str = "AWS/ELB";
/// Values of one datum.
const VALUES_MAX: usize = 150;
const MICROS: f64 = 1_000_000.0;

/// Metrics of this instant; by the second where `fine`.
pub fn data(balancer: &str, sample: &Sample, at: Millis, fine: bool) -> Vec<MetricDatum> {
    let mut out = Out { at, fine, data: Vec::new() };
    let name = ("LoadBalancerName", balancer);
    let mut total = PoolSample::default();
    let mut zones: BTreeMap<&str, PoolSample> = BTreeMap::new();
    for (zone, pool) in sample.pools.values().flatten() {
        total += pool;
        *zones.entry(zone).or_default() += pool;
    }
    traffic(&mut out, &[name], &sample.front(), &total);
    for (zone, front) in sample.zones.iter().filter(|(zone, _)| !zone.is_empty()) {
        let pool = zones.remove(&**zone).unwrap_or_default();
        traffic(&mut out, &[("AvailabilityZone", zone), name], front, &pool);
    }
    hosts(&mut out, name, sample);
    let front = sample.front();
    out.count(&[name], "EstimatedProcessedBytes", front.bytes, "Bytes");
    out.count(&[name], "EstimatedALBNewConnectionCount", front.connections, "Count");
    let active = u64::try_from(sample.active_connections).unwrap_or(u64::MAX);
    out.count(&[name], "EstimatedALBActiveConnectionCount", active, "Count");
    out.data
}

fn traffic(out: &mut Out, dimensions: &[(&str, &str)], front: &FrontSample, pool: &PoolSample) {
    for (name, count) in [
        // Streams count where they reach an instance, as requests do.
        ("RequestCount", pool.requests),
        ("HTTPCode_Backend_2XX", front.member_2xx),
        ("HTTPCode_Backend_3XX", front.member_3xx),
        ("HTTPCode_Backend_4XX", front.member_4xx),
        ("HTTPCode_Backend_5XX", front.member_5xx),
        ("HTTPCode_ELB_4XX", front.own_4xx),
        ("HTTPCode_ELB_5XX", front.own_5xx),
        ("BackendConnectionErrors", front.connect_errors),
        ("SpilloverCount", front.refused_connections),
        ("DesyncMitigationMode_NonCompliant_Request_Count", front.doubtful),
    ] {
        out.count(dimensions, name, count, "Count");
    }
    out.times(dimensions, &front.times);
}

/// Every listener asks on its own; an instance is as well as the first of them finds it.
fn hosts(out: &mut Out, name: (&str, &str), sample: &Sample) {
    let Some(zones) = sample.members.values().next() else { return };
    let mut all = (0, 0);
    for (zone, (well, ill)) in zones {
        all = (all.0 + well, all.1 + ill);
        out.hosts(&[("AvailabilityZone", zone), name], (*well, *ill));
    }
    out.hosts(&[name], all);
}

/// Exact below 2^53.
fn as_float(count: u64) -> f64 {
    count as f64
}

struct Out {
    at: Millis,
    fine: bool,
    data: Vec<MetricDatum>,
}

impl Out {
    fn datum(&self, dimensions: &[(&str, &str)], name: &str, unit: &str) -> MetricDatum {
        let dimension =
            |(name, value): &(&str, &str)| Dimension { name: (*name).to_owned(), value: (*value).to_owned() };
        MetricDatum {
            metric_name: name.to_owned(),
            dimensions: Some(dimensions.iter().map(dimension).collect()),
            timestamp: Some(Timestamp::from_millis(self.at)),
            unit: Some(unit.to_owned()),
            storage_resolution: self.fine.then_some(1),
            ..MetricDatum::default()
        }
    }

    /// Only what happened is told.
    fn count(&mut self, dimensions: &[(&str, &str)], name: &str, count: u64, unit: &str) {
        if count > 0 {
            let datum = MetricDatum { value: Some(as_float(count)), ..self.datum(dimensions, name, unit) };
            self.data.push(datum);
        }
    }

    fn hosts(&mut self, dimensions: &[(&str, &str)], (well, ill): (usize, usize)) {
        for (name, count) in [("HealthyHostCount", well), ("UnHealthyHostCount", ill)] {
            let value = as_float(u64::try_from(count).unwrap_or(u64::MAX));
            let datum = MetricDatum { value: Some(value), ..self.datum(dimensions, name, "Count") };
            self.data.push(datum);
        }
    }

    fn times(&mut self, dimensions: &[(&str, &str)], times: &BTreeMap<u64, u64>) {
        let pairs: Vec<(f64, f64)> =
            times.iter().map(|(micros, count)| (as_float(*micros) / MICROS, as_float(*count))).collect();
        for some in pairs.chunks(VALUES_MAX) {
            let (values, counts) = some.iter().copied().unzip();
            let datum = self.datum(dimensions, "Latency", "Seconds");
            self.data.push(MetricDatum { values: Some(values), counts: Some(counts), ..datum });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_hosts_are_told_by_balancer_and_zone() {
        let zone = || "us-east-1a".to_owned();
        let front = FrontSample {
            member_2xx: 4,
            doubtful: 3,
            times: BTreeMap::from([(1_000, 4)]),
            ..Default::default()
        };
        let pool = PoolSample { requests: 4, ..Default::default() };
        let sample = Sample {
            zones: BTreeMap::from([(zone(), front)]),
            pools: BTreeMap::from([("80".into(), BTreeMap::from([(zone(), pool)]))]),
            members: BTreeMap::from([("80".into(), BTreeMap::from([(zone(), (2, 1))]))]),
            ..Default::default()
        };
        let shown = |datum: &MetricDatum| {
            let names: Vec<&str> = datum.dimensions.iter().flatten().map(|one| one.name.as_str()).collect();
            format!("{} {} {:?}", datum.metric_name, names.join(","), datum.value)
        };
        let all: Vec<String> = data("web", &sample, 0, true).iter().map(shown).collect();
        for wanted in [
            "RequestCount LoadBalancerName Some(4.0)",
            "DesyncMitigationMode_NonCompliant_Request_Count LoadBalancerName Some(3.0)",
            "RequestCount AvailabilityZone,LoadBalancerName Some(4.0)",
            "HTTPCode_Backend_2XX LoadBalancerName Some(4.0)",
            "Latency LoadBalancerName None",
            "HealthyHostCount LoadBalancerName Some(2.0)",
            "UnHealthyHostCount AvailabilityZone,LoadBalancerName Some(1.0)",
        ] {
            assert!(all.iter().any(|one| one == wanted), "{wanted} is not in {all:#?}");
        }
        assert!(!all.iter().any(|one| one.contains("_ELB_")), "nothing happened of it");
    }
}
