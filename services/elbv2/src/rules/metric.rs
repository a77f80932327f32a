//! What CloudWatch is told of load balancers (user guides of ALB and NLB, "CloudWatch metrics").

use std::collections::BTreeMap;

use api_cloudwatch::{Dimension, MetricDatum};
use balance::{FrontSample, PoolSample, Sample};
use kernel::Millis;
use shape::Timestamp;

use crate::state::load_balancer::Kind;

/// Values of one datum.
const VALUES_MAX: usize = 150;
const MICROS: f64 = 1_000_000.0;

/// A load balancer, and what was counted since the last look.
pub struct Counted<'a> {
    pub kind: Kind,
    /// `app/web/50dc6c495c0c9188`
    pub balancer: &'a str,
    /// `targetgroup/web/73e2d6bc24d8a067`, by id.
    pub groups: &'a BTreeMap<String, String>,
    pub sample: &'a Sample,
    pub lcus: f64,
}

/// Where metrics of a kind of load balancer are.
pub fn namespace(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "AWS/ApplicationELB",
        Kind::Network => "AWS/NetworkELB",
    }
}

/// Metrics of this instant; by the second where `fine`.
pub fn data(counted: &Counted<'_>, at: Millis, fine: bool) -> Vec<MetricDatum> {
    let mut out = Out { at, fine, data: Vec::new() };
    let all = [("LoadBalancer", counted.balancer)];
    let front = counted.sample.front();
    match counted.kind {
        Kind::Application => {
            application(&mut out, &all, &front);
            out.count(&all, "ActiveConnectionCount", number(counted.sample.active_connections));
            out.count(&all, "NewConnectionCount", front.connections);
            out.bytes(&all, "ProcessedBytes", front.bytes);
            out.count(&all, "RuleEvaluations", front.rules);
            out.count(&all, "HTTP_Redirect_Count", front.redirects);
            out.count(&all, "HTTP_Fixed_Response_Count", front.fixed);
        }
        Kind::Network => {
            network(&mut out, &all, &front);
            let flows = number(counted.sample.active_flows);
            out.count(&all, "ActiveFlowCount", number(counted.sample.active_connections) + flows);
            out.count(&all, "ActiveFlowCount_UDP", flows);
        }
    }
    for (zone, front) in counted.sample.zones.iter().filter(|(zone, _)| !zone.is_empty()) {
        let dimensions = [("AvailabilityZone", &**zone), all[0]];
        match counted.kind {
            Kind::Application => application(&mut out, &dimensions, front),
            Kind::Network => network(&mut out, &dimensions, front),
        }
    }
    for (id, group) in counted.groups {
        of_group(&mut out, counted, id, group);
    }
    out.value(&all, "ConsumedLCUs", counted.lcus, "Count");
    out.data
}

/// Of a front, or its part in a zone.
fn application(out: &mut Out, dimensions: &[(&str, &str)], front: &FrontSample) {
    for (name, count) in [
        ("RequestCount", front.requests),
        ("HTTPCode_Target_2XX_Count", front.member_2xx),
        ("HTTPCode_Target_3XX_Count", front.member_3xx),
        ("HTTPCode_Target_4XX_Count", front.member_4xx),
        ("HTTPCode_Target_5XX_Count", front.member_5xx),
        ("HTTPCode_ELB_3XX_Count", front.own_3xx),
        ("HTTPCode_ELB_4XX_Count", front.own_4xx),
        ("HTTPCode_ELB_5XX_Count", front.own_5xx),
        ("HTTPCode_ELB_500_Count", front.own_500),
        ("HTTPCode_ELB_502_Count", front.own_502),
        ("HTTPCode_ELB_503_Count", front.own_503),
        ("HTTPCode_ELB_504_Count", front.own_504),
        ("RejectedConnectionCount", front.refused_connections),
        ("ClientTLSNegotiationErrorCount", front.tls_failures),
        ("TargetConnectionErrorCount", front.connect_errors),
        ("DesyncMitigationMode_NonCompliant_Request_Count", front.doubtful),
        ("DroppedInvalidHeaderRequestCount", front.odd_dropped),
        ("ForwardedInvalidHeaderRequestCount", front.odd_forwarded),
    ] {
        out.count(dimensions, name, count);
    }
    out.times(dimensions, &front.times);
}

fn network(out: &mut Out, dimensions: &[(&str, &str)], front: &FrontSample) {
    for (name, count) in [
        ("NewFlowCount", front.connections + front.flows),
        ("NewFlowCount_TCP", front.connections.saturating_sub(front.tls_connections)),
        ("NewFlowCount_TLS", front.tls_connections),
        ("NewFlowCount_UDP", front.flows),
        ("RejectedFlowCount", front.refused_connections),
        ("ClientTLSNegotiationErrorCount", front.tls_failures),
    ] {
        out.count(dimensions, name, count);
    }
    out.bytes(dimensions, "ProcessedBytes", front.bytes);
    out.bytes(dimensions, "ProcessedBytes_UDP", front.datagram_bytes);
}

fn of_group(out: &mut Out, counted: &Counted<'_>, id: &str, group: &str) {
    let of_group = ("TargetGroup", group);
    let of_balancer = ("LoadBalancer", counted.balancer);
    let members = counted.sample.members.get(&id.into());
    let hosts = |(well, ill): (usize, usize), dimensions: &[(&str, &str)], out: &mut Out| {
        out.value(dimensions, "HealthyHostCount", as_float(number(well)), "Count");
        out.value(dimensions, "UnHealthyHostCount", as_float(number(ill)), "Count");
    };
    let mut all = (0, 0);
    for (zone, (well, ill)) in members.into_iter().flatten() {
        all = (all.0 + well, all.1 + ill);
        if !zone.is_empty() {
            hosts((*well, *ill), &[of_group, ("AvailabilityZone", zone), of_balancer], out);
        }
    }
    if members.is_some() {
        hosts(all, &[of_group, of_balancer], out);
    }
    if counted.kind == Kind::Network {
        return;
    }
    let mut total = PoolSample::default();
    for (zone, pool) in counted.sample.pools.get(&id.into()).into_iter().flatten() {
        total += pool;
        of_pool(out, &[of_group, ("AvailabilityZone", zone), of_balancer], pool);
    }
    of_pool(out, &[of_group, of_balancer], &total);
    // While nobody is well, everybody is asked.
    let serving = if all.0 == 0 { all.1 } else { all.0 };
    if serving > 0 {
        let each = as_float(total.requests) / as_float(number(serving));
        out.value(&[of_group], "RequestCountPerTarget", each, "Count");
        out.value(&[of_group, of_balancer], "RequestCountPerTarget", each, "Count");
    }
}

fn of_pool(out: &mut Out, dimensions: &[(&str, &str)], pool: &PoolSample) {
    for (name, count) in [
        ("RequestCount", pool.requests),
        ("HTTPCode_Target_2XX_Count", pool.member_2xx),
        ("HTTPCode_Target_3XX_Count", pool.member_3xx),
        ("HTTPCode_Target_4XX_Count", pool.member_4xx),
        ("HTTPCode_Target_5XX_Count", pool.member_5xx),
        ("TargetConnectionErrorCount", pool.connect_errors),
    ] {
        out.count(dimensions, name, count);
    }
    out.times(dimensions, &pool.times);
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
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

    fn value(&mut self, dimensions: &[(&str, &str)], name: &str, value: f64, unit: &str) {
        let datum = MetricDatum { value: Some(value), ..self.datum(dimensions, name, unit) };
        self.data.push(datum);
    }

    /// Only what happened is told.
    fn count(&mut self, dimensions: &[(&str, &str)], name: &str, count: u64) {
        if count > 0 {
            self.value(dimensions, name, as_float(count), "Count");
        }
    }

    fn bytes(&mut self, dimensions: &[(&str, &str)], name: &str, count: u64) {
        if count > 0 {
            self.value(dimensions, name, as_float(count), "Bytes");
        }
    }

    fn times(&mut self, dimensions: &[(&str, &str)], times: &BTreeMap<u64, u64>) {
        let pairs: Vec<(f64, f64)> =
            times.iter().map(|(micros, count)| (as_float(*micros) / MICROS, as_float(*count))).collect();
        for some in pairs.chunks(VALUES_MAX) {
            let (values, counts) = some.iter().copied().unzip();
            let datum = self.datum(dimensions, "TargetResponseTime", "Seconds");
            self.data.push(MetricDatum { values: Some(values), counts: Some(counts), ..datum });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(datum: &MetricDatum) -> String {
        let names: Vec<&str> = datum.dimensions.iter().flatten().map(|one| one.name.as_str()).collect();
        format!("{} {} {:?}", datum.metric_name, names.join(","), datum.value)
    }

    #[test]
    fn requests_are_told_by_balancer_zone_and_group_and_shared_among_the_healthy() {
        let times = BTreeMap::from([(1_000, 4)]);
        let front = FrontSample {
            requests: 4,
            member_2xx: 4,
            doubtful: 3,
            odd_dropped: 2,
            odd_forwarded: 1,
            times: times.clone(),
            ..Default::default()
        };
        let pool = PoolSample { requests: 4, member_2xx: 4, times, ..Default::default() };
        let zone = || "us-east-1a".to_owned();
        let sample = Sample {
            zones: BTreeMap::from([(String::new(), FrontSample::default()), (zone(), front)]),
            active_connections: 1,
            pools: BTreeMap::from([("g".into(), BTreeMap::from([(zone(), pool)]))]),
            members: BTreeMap::from([("g".into(), BTreeMap::from([(zone(), (2, 1))]))]),
            ..Default::default()
        };
        let groups = BTreeMap::from([("g".to_owned(), "targetgroup/g/1".to_owned())]);
        let counted = Counted {
            kind: Kind::Application,
            balancer: "app/web/1",
            groups: &groups,
            sample: &sample,
            lcus: 0.5,
        };
        let data = data(&counted, 0, true);
        let all: Vec<String> = data.iter().map(shown).collect();
        for wanted in [
            "RequestCount LoadBalancer Some(4.0)",
            "RequestCount AvailabilityZone,LoadBalancer Some(4.0)",
            "RequestCount TargetGroup,LoadBalancer Some(4.0)",
            "RequestCount TargetGroup,AvailabilityZone,LoadBalancer Some(4.0)",
            "RequestCountPerTarget TargetGroup Some(2.0)",
            "RequestCountPerTarget TargetGroup,LoadBalancer Some(2.0)",
            "HealthyHostCount TargetGroup,LoadBalancer Some(2.0)",
            "UnHealthyHostCount TargetGroup,AvailabilityZone,LoadBalancer Some(1.0)",
            "TargetResponseTime TargetGroup,LoadBalancer None",
            "ActiveConnectionCount LoadBalancer Some(1.0)",
            "ConsumedLCUs LoadBalancer Some(0.5)",
            "DesyncMitigationMode_NonCompliant_Request_Count LoadBalancer Some(3.0)",
            "DroppedInvalidHeaderRequestCount LoadBalancer Some(2.0)",
            "ForwardedInvalidHeaderRequestCount AvailabilityZone,LoadBalancer Some(1.0)",
        ] {
            assert!(all.iter().any(|one| one == wanted), "{wanted} is not in {all:#?}");
        }
        assert!(!all.iter().any(|one| one.starts_with("HTTPCode_ELB")), "nothing happened of it");
        assert!(data.iter().all(|datum| datum.storage_resolution == Some(1)));
    }
}
