//! What a guest asks to be measured: the configuration file of the CloudWatch agent, as far as it is about metrics
//! (CloudWatch user guide, "Manually create or edit the CloudWatch agent configuration file" and "Metrics collected by the
//! CloudWatch agent").

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Where nothing else is said.
const NAMESPACE: &str = "CWAgent";
const EVERY_S: i64 = 60;
/// Namespaces of the cloud's own services.
const RESERVED: &str = "AWS/";
/// The pace at which guests are looked at, in seconds.
const PACE_S: i64 = 5;
/// The longest from one measurement to the next, in seconds.
const EVERY_S_MAX: i64 = 86_400;
/// Ways in which metrics are put together, and dimensions of one.
const AGGREGATIONS_MAX: usize = 16;
/// Units metrics can have (CloudWatch API reference, `MetricDatum`).
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
/// What instances have, and how it is asked for.
const ABOUT: [(&str, &str); 4] = [
    ("ImageId", "${aws:ImageId}"),
    ("InstanceId", "${aws:InstanceId}"),
    ("InstanceType", "${aws:InstanceType}"),
    ("AutoScalingGroupName", "${aws:AutoScalingGroupName}"),
];

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Cpu,
    Disk,
    Mem,
    Net,
    Netstat,
    Processes,
    Swap,
}

const KINDS: [Kind; 7] =
    [Kind::Cpu, Kind::Disk, Kind::Mem, Kind::Net, Kind::Netstat, Kind::Processes, Kind::Swap];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Mem => "mem",
            Self::Net => "net",
            Self::Netstat => "netstat",
            Self::Processes => "processes",
            Self::Swap => "swap",
        }
    }

    /// What can be measured of it.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &[
                "usage_active",
                "usage_guest",
                "usage_guest_nice",
                "usage_idle",
                "usage_iowait",
                "usage_irq",
                "usage_nice",
                "usage_softirq",
                "usage_steal",
                "usage_system",
                "usage_user",
            ],
            Self::Disk => {
                &["free", "inodes_free", "inodes_total", "inodes_used", "total", "used", "used_percent"]
            }
            Self::Mem => &[
                "active",
                "available",
                "available_percent",
                "buffered",
                "cached",
                "free",
                "inactive",
                "total",
                "used",
                "used_percent",
            ],
            Self::Net => &[
                "bytes_recv",
                "bytes_sent",
                "drop_in",
                "drop_out",
                "err_in",
                "err_out",
                "packets_recv",
                "packets_sent",
            ],
            Self::Netstat => &[
                "tcp_close",
                "tcp_close_wait",
                "tcp_closing",
                "tcp_established",
                "tcp_fin_wait1",
                "tcp_fin_wait2",
                "tcp_last_ack",
                "tcp_listen",
                "tcp_none",
                "tcp_syn_recv",
                "tcp_syn_sent",
                "tcp_time_wait",
                "udp_socket",
            ],
            Self::Processes => &[
                "blocked",
                "dead",
                "idle",
                "paging",
                "running",
                "sleeping",
                "stopped",
                "total",
                "total_threads",
                "zombies",
            ],
            Self::Swap => &["free", "used", "used_percent"],
        }
    }

    /// What may stand in its section, beside what every section has.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["resources", "totalcpu"],
            Self::Disk => &["resources", "ignore_file_system_types", "drop_device"],
            Self::Net => &["resources"],
            _ => &[],
        }
    }

    fn unit(self, field: &str) -> &'static str {
        match self {
            Self::Cpu => "Percent",
            _ if field.ends_with("_percent") => "Percent",
            Self::Disk if field.starts_with("inodes") => "Count",
            Self::Disk | Self::Mem | Self::Swap => "Bytes",
            Self::Net if field.starts_with("bytes") => "Bytes",
            _ => "Count",
        }
    }
}

/// What is measured, and how it is put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub namespace: String,
    /// Names of dimensions that all metrics have, out of what instances have.
    pub about: Vec<&'static str>,
    /// Sets of dimensions by which metrics are put once more.
    pub aggregations: Vec<Vec<String>>,
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub kind: Kind,
    pub measures: Vec<Measure>,
    /// Seconds from one measurement to the next.
    pub every_s: i64,
    /// Mount points, interfaces, processors: only these. Without any, all, but of processors none.
    pub resources: Vec<String>,
    /// Of processors: all together.
    pub has_total: bool,
    pub ignored_types: Vec<String>,
    pub has_device: bool,
    /// Dimensions of its own.
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    pub field: &'static str,
    pub name: String,
    pub unit: String,
}

/// Reads the section `metrics`. What is not honoured is left out, and told of.
pub fn metrics(config: &Map<String, Value>, complaints: &mut Vec<String>) -> Metrics {
    let mut read = Metrics { namespace: NAMESPACE.to_owned(), ..Metrics::default() };
    let Some(metrics) = config.get("metrics") else { return read };
    let empty = Map::new();
    let usual = every(config.get("agent").and_then(|agent| agent.get("metrics_collection_interval")));
    let usual_s = usual.unwrap_or_else(|why| {
        complaints.push(format!("agent.metrics_collection_interval: {why}"));
        None
    });
    for (name, value) in metrics.as_object().unwrap_or(&empty) {
        let outcome = match name.as_str() {
            "namespace" => namespace(value).map(|namespace| read.namespace = namespace),
            "append_dimensions" => about(value).map(|about| read.about = about),
            "aggregation_dimensions" => aggregations(value).map(|sets| read.aggregations = sets),
            // The longest that something may wait; here nothing waits.
            "force_flush_interval" | "metrics_collected" => Ok(()),
            _ => Err("not honoured".to_owned()),
        };
        complaints.extend(outcome.err().map(|why| format!("metrics.{name}: {why}")));
    }
    let collected = metrics.get("metrics_collected").and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in collected {
        let at = format!("metrics.metrics_collected.{name}");
        let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == name) else {
            complaints.push(format!("{at}: not honoured"));
            continue;
        };
        let mut say = |why: String| complaints.push(format!("{at}: {why}"));
        match section(kind, value, usual_s.unwrap_or(EVERY_S), &mut say) {
            Ok(section) => read.sections.push(section),
            Err(why) => say(why),
        }
    }
    read
}

fn section(kind: Kind, value: &Value, usual_s: i64, say: &mut impl FnMut(String)) -> Result<Section, String> {
    let value = value.as_object().ok_or("is no object")?;
    let common = ["measurement", "metrics_collection_interval", "append_dimensions"];
    if let Some(name) = value.keys().find(|name| !common.iter().chain(kind.settings()).any(|one| one == name))
    {
        return Err(format!("{name} is not honoured"));
    }
    let every_s = every(value.get("metrics_collection_interval"))?.unwrap_or(usual_s);
    let mut measures = Vec::new();
    for one in value.get("measurement").and_then(Value::as_array).ok_or("measurement is missing")? {
        match measure(kind, one) {
            Ok(measure) => measures.push(measure),
            Err(why) => say(why),
        }
    }
    let flag = |name: &str, usual: bool| match value.get(name) {
        None => Ok(usual),
        Some(flag) => flag.as_bool().ok_or(format!("{name} is neither true nor false")),
    };
    let mut resources = value.get("resources").map_or(Ok(Vec::new()), texts)?;
    // Of processors the agent knows all or none.
    if resources.iter().any(|one| one == "*") && kind != Kind::Cpu {
        resources.clear();
    }
    let mut dimensions = BTreeMap::new();
    for (name, value) in value.get("append_dimensions").and_then(Value::as_object).into_iter().flatten() {
        dimensions.insert(name.clone(), text(value)?);
    }
    Ok(Section {
        kind,
        measures,
        every_s,
        resources,
        has_total: flag("totalcpu", true)?,
        ignored_types: value.get("ignore_file_system_types").map_or(Ok(Vec::new()), texts)?,
        has_device: !flag("drop_device", false)?,
        dimensions,
    })
}

/// A measurement is a name, with or without that of its section, or an object with one.
fn measure(kind: Kind, value: &Value) -> Result<Measure, String> {
    let of = |name: &str| value.get(name).map(text).transpose();
    let name = value.as_str().map(str::to_owned).or(of("name")?).ok_or("a measurement has no name")?;
    let known = ["name", "rename", "unit"];
    if let Some(other) = value.as_object().and_then(|all| all.keys().find(|key| !known.contains(&&***key))) {
        return Err(format!("{name}: {other} is not honoured"));
    }
    let prefix = format!("{}_", kind.name());
    let field = name.strip_prefix(&prefix).unwrap_or(&name);
    let field = kind.fields().iter().find(|known| **known == field);
    let field = field.ok_or_else(|| format!("{name} is not measured"))?;
    let unit = of("unit")?.unwrap_or_else(|| kind.unit(field).to_owned());
    if !UNITS.contains(&&*unit) {
        return Err(format!("{name}: {unit} is no unit"));
    }
    let name = of("rename")?.unwrap_or_else(|| format!("{prefix}{field}"));
    Ok(Measure { field, name, unit })
}

fn every(value: Option<&Value>) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    let every_s = value.as_i64().filter(|s| *s > 0 && s % PACE_S == 0 && *s <= EVERY_S_MAX);
    let why =
        || format!("metrics_collection_interval can only be a multiple of {PACE_S} seconds, within a day");
    every_s.map(Some).ok_or_else(why)
}

fn about(value: &Value) -> Result<Vec<&'static str>, String> {
    let asked = value.as_object().ok_or("is no object")?;
    let known = |(name, value): (&String, &Value)| {
        let found = ABOUT.iter().find(|(known, how)| known == name && value == how);
        found.map(|(known, _)| *known).ok_or_else(|| format!("{name} is not known with this value"))
    };
    asked.iter().map(known).collect()
}

/// What is put from here is the house's own to CloudWatch, which lets that write where guests may not.
fn namespace(value: &Value) -> Result<String, String> {
    let namespace = text(value)?;
    if namespace.starts_with(RESERVED) {
        return Err(format!("cannot begin with {RESERVED}"));
    }
    Ok(namespace)
}

fn aggregations(value: &Value) -> Result<Vec<Vec<String>>, String> {
    let sets = value.as_array().ok_or("is no list")?;
    if sets.len() > AGGREGATIONS_MAX {
        return Err(format!("has more than {AGGREGATIONS_MAX} sets"));
    }
    sets.iter().map(texts).collect()
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    value.as_array().ok_or("is no list")?.iter().map(text).collect()
}

fn text(value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("{value} is no text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &Value) -> (Metrics, Vec<String>) {
        let mut complaints = Vec::new();
        (metrics(config.as_object().unwrap(), &mut complaints), complaints)
    }

    fn collected(sections: &Value) -> (Metrics, Vec<String>) {
        read(&json!({"metrics": {"metrics_collected": sections}}))
    }

    #[test]
    fn the_agents_own_example_reads() {
        let (read, complaints) = read(&json!({
            "agent": {"metrics_collection_interval": 10},
            "metrics": {
                "append_dimensions": {"InstanceId": "${aws:InstanceId}", "ImageId": "${aws:ImageId}"},
                "aggregation_dimensions": [["ImageId"], ["InstanceId", "path"], []],
                "force_flush_interval": 30,
                "metrics_collected": {
                    "cpu": {"resources": ["*"], "totalcpu": false, "append_dimensions": {"d1": "v1"},
                        "measurement": [{"name": "cpu_usage_idle", "rename": "IDLE", "unit": "Percent"}, "usage_user"]},
                    "disk": {"resources": ["/", "/tmp"], "ignore_file_system_types": ["sysfs"], "drop_device": true,
                        "measurement": [{"name": "free", "unit": "Gigabytes"}, "disk_inodes_used"],
                        "metrics_collection_interval": 60},
                    "mem": {"measurement": ["mem_used_percent", "total"]}
                }
            }
        }));
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!((read.namespace.as_str(), &read.about[..]), ("CWAgent", &["ImageId", "InstanceId"][..]));
        assert_eq!(read.aggregations, [vec!["ImageId"], vec!["InstanceId", "path"], vec![]]);
        let shown: Vec<_> = read.sections.iter().map(|one| (one.kind, one.every_s)).collect();
        assert_eq!(shown, [(Kind::Cpu, 10), (Kind::Disk, 60), (Kind::Mem, 10)]);
        let measures: Vec<_> = read.sections.iter().flat_map(|one| &one.measures).collect();
        let measures: Vec<_> = measures.iter().map(|one| (one.name.as_str(), one.unit.as_str())).collect();
        let cpu = [("IDLE", "Percent"), ("cpu_usage_user", "Percent")];
        let disk = [("disk_free", "Gigabytes"), ("disk_inodes_used", "Count")];
        let mem = [("mem_used_percent", "Percent"), ("mem_total", "Bytes")];
        assert_eq!(measures, [cpu, disk, mem].concat());
        let [cpu, disk, _] = &read.sections[..] else { panic!() };
        assert!(!cpu.has_total && cpu.resources == ["*"] && cpu.dimensions["d1"] == "v1");
        assert!(!disk.has_device && disk.resources == ["/", "/tmp"] && disk.ignored_types == ["sysfs"]);
    }

    #[test]
    fn what_is_not_honoured_is_told_by_name_and_the_rest_is_measured() {
        for (section, why) in [
            (json!({"mem": {"measurement": ["mem_shared"]}}), "mem: mem_shared is not measured"),
            (json!({"mem": {"measurement": [{"name": "used", "unit": "Pints"}]}}), "Pints is no unit"),
            (json!({"mem": {"measurement": [{"name": "used", "x": 1}]}}), "mem: used: x is not honoured"),
            (json!({"mem": {}}), "mem: measurement is missing"),
            (json!({"mem": {"measurement": [], "totalcpu": true}}), "mem: totalcpu is not honoured"),
            (json!({"mem": {"measurement": [], "metrics_collection_interval": 1}}), "multiple of 5 seconds"),
            (json!({"cpu": {"measurement": [], "totalcpu": 1}}), "totalcpu is neither"),
            (json!({"statsd": {}}), "metrics.metrics_collected.statsd: not honoured"),
        ] {
            let (read, complaints) = collected(&section);
            let measured: usize = read.sections.iter().map(|one| one.measures.len()).sum();
            assert!(complaints.len() == 1 && complaints[0].contains(why), "{complaints:?} {why}");
            assert_eq!(measured, 0);
        }
        let (_, complaints) = read(&json!({"agent": {"metrics_collection_interval": 7}, "metrics": {
            "namespace": "AWS/EC2", "credentials": {}, "append_dimensions": {"Mood": "good"}, "aggregation_dimensions": [1]}}));
        let told = complaints.join("\n");
        for why in [
            "agent.metrics_collection_interval",
            "metrics.credentials: not honoured",
            "metrics.namespace: cannot begin with AWS/",
            "Mood",
            "aggregation",
        ] {
            assert!(told.contains(why), "{told}");
        }
        assert!(read(&json!({"logs": {}})).0.sections.is_empty());
    }
}
