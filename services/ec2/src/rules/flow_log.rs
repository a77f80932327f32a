//! What flow logs may be, and where their files go (VPC user guide, "Logging IP traffic using VPC Flow Logs").

use api_ec2 as api;
use kernel::{Result, Scope};

use crate::errors;
use crate::state::flow_log::{Destination, FlowLog, Traffic, Watched};
use crate::state::id::Id;

/// Flow logs of one resource (VPC user guide, "Amazon VPC quotas").
pub const OF_RESOURCE_MAX: usize = 2;
const RESOURCES_MAX: usize = 25;
const FORMAT_CHARS_MAX: usize = 2_000;
const INTERVALS_S: [u32; 2] = [60, 600];
pub(super) const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} \
     ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
/// Who puts files, as buckets' policies name it.
pub const DELIVERY: &str = "delivery.logs";
/// Whom roles trust.
pub const SERVICE: &str = "vpc-flow-logs.amazonaws.com";

/// Fields, and the version of records that brought each.
const FIELDS: &[(&str, u8)] = &[
    ("version", 2),
    ("account-id", 2),
    ("interface-id", 2),
    ("srcaddr", 2),
    ("dstaddr", 2),
    ("srcport", 2),
    ("dstport", 2),
    ("protocol", 2),
    ("packets", 2),
    ("bytes", 2),
    ("start", 2),
    ("end", 2),
    ("action", 2),
    ("log-status", 2),
    ("vpc-id", 3),
    ("subnet-id", 3),
    ("instance-id", 3),
    ("tcp-flags", 3),
    ("type", 3),
    ("pkt-srcaddr", 3),
    ("pkt-dstaddr", 3),
    ("region", 4),
    ("az-id", 4),
    ("sublocation-type", 4),
    ("sublocation-id", 4),
    ("pkt-src-aws-service", 5),
    ("pkt-dst-aws-service", 5),
    ("flow-direction", 5),
    ("traffic-path", 5),
    ("ecs-cluster-name", 7),
    ("ecs-cluster-arn", 7),
    ("ecs-container-instance-id", 7),
    ("ecs-container-instance-arn", 7),
    ("ecs-service-name", 7),
    ("ecs-task-definition-arn", 7),
    ("ecs-task-id", 7),
    ("ecs-task-arn", 7),
    ("ecs-container-id", 7),
    ("ecs-second-container-id", 7),
    ("reject-reason", 8),
];

/// What a request wants of each of its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub of: Vec<Watched>,
    pub traffic: Traffic,
    pub to: Destination,
    pub format: String,
    pub interval_s: u32,
}

/// # Errors
/// When something is missing, does not fit together, or is not served.
pub fn check(scope: &Scope, input: &api::CreateFlowLogsRequest) -> Result<Wanted> {
    if input.resource_ids.is_empty() {
        return Err(errors::missing("ResourceId"));
    }
    if input.resource_ids.len() > RESOURCES_MAX {
        let message = format!("Number of resource ids cannot be more than {RESOURCES_MAX}");
        return Err(errors::flow_log_parameter(message));
    }
    let of = input.resource_ids.iter().map(|id| watched(&input.resource_type, id)).collect::<Result<_>>()?;
    let traffic = match input.traffic_type.as_deref() {
        Some("ACCEPT") => Traffic::Accept,
        Some("REJECT") => Traffic::Reject,
        Some("ALL") => Traffic::All,
        Some(other) => return Err(errors::invalid_value(other, "TrafficType")),
        None => return Err(errors::missing("TrafficType")),
    };
    let interval = input.max_aggregation_interval.unwrap_or(600);
    let interval_s = INTERVALS_S.into_iter().find(|known| i64::from(*known) == i64::from(interval));
    let interval_s =
        interval_s.ok_or_else(|| errors::flow_log_parameter("Invalid Flow Log Max Aggregation Interval"))?;
    let format = input.log_format.clone().unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
    fields(&format)?;
    Ok(Wanted { of, traffic, to: destination(scope, input)?, format, interval_s })
}

fn watched(kind: &str, text: &str) -> Result<Watched> {
    let lacks = |missing: kernel::Error| move || missing;
    match kind {
        "VPC" => Id::parse(text).map(Watched::Vpc).ok_or_else(lacks(errors::vpc_not_found(text))),
        "Subnet" => Id::parse(text).map(Watched::Subnet).ok_or_else(lacks(errors::subnet_not_found(text))),
        "NetworkInterface" => {
            Id::parse(text).map(Watched::Interface).ok_or_else(lacks(errors::interface_not_found(text)))
        }
        other => Err(errors::invalid_because(other, "ResourceType", "There are no such resources here.")),
    }
}

fn destination(scope: &Scope, input: &api::CreateFlowLogsRequest) -> Result<Destination> {
    let kind = input.log_destination_type.as_deref().unwrap_or("cloud-watch-logs");
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (arn, group) = (given(&input.log_destination), given(&input.log_group_name));
    let options = input.destination_options.clone().unwrap_or_default();
    if arn.is_some() && group.is_some() {
        return Err(errors::flow_log_parameter(
            "Please only provide LogGroupName or only provide LogDestination.",
        ));
    }
    match kind {
        "cloud-watch-logs" => {
            if input.destination_options.is_some() {
                return Err(errors::flow_log_parameter("DestinationOptions are for LogDestinationType s3."));
            }
            let name = match (arn, group) {
                (Some(arn), _) => group_of(scope, &arn)
                    .ok_or_else(|| errors::flow_log_parameter(format!("Invalid LogDestination: {arn}")))?,
                (None, Some(name)) => name,
                (None, None) => return Err(errors::flow_log_lacks("LogGroupName", kind)),
            };
            let role = given(&input.deliver_logs_permission_arn)
                .ok_or_else(|| errors::flow_log_lacks("DeliverLogsPermissionArn", kind))?;
            Ok(Destination::LogGroup { name, role })
        }
        "s3" => {
            let arn = arn.ok_or_else(|| errors::flow_log_lacks("LogDestination", kind))?;
            if given(&input.deliver_logs_permission_arn).is_some() {
                let message = "DeliverLogsPermissionArn is not applicable for s3 delivery";
                return Err(errors::flow_log_parameter(message));
            }
            if options.file_format.as_deref().is_some_and(|format| format != "plain-text") {
                return Err(errors::flow_log_parameter("FileFormat: only plain-text is supported."));
            }
            let (bucket, folder) = place_of(&arn)
                .ok_or_else(|| errors::flow_log_parameter(format!("Invalid LogDestination: {arn}")))?;
            let hive = options.hive_compatible_partitions.unwrap_or(false);
            let per_hour = options.per_hour_partition.unwrap_or(false);
            Ok(Destination::Bucket { bucket, folder, hive, per_hour })
        }
        other => Err(errors::flow_log_parameter(format!("LogDestinationType {other} is not supported."))),
    }
}

/// The name in `arn:aws:logs:<region>:<account>:log-group:<name>` of the scope's own.
fn group_of(scope: &Scope, arn: &str) -> Option<String> {
    let name = arn.strip_prefix(&scope.arn("logs", "log-group:"))?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The bucket and the folder in `arn:aws:s3:::<bucket>/<folder>/`. `AWSLogs` may not be its name (VPC user guide).
fn place_of(arn: &str) -> Option<(String, String)> {
    let (_, place) = arn.split_once(":s3:::")?;
    let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
    let folder = folder.trim_matches('/');
    let fits = arn.starts_with("arn:") && !bucket.is_empty() && folder.split('/').next() != Some("AWSLogs");
    fits.then(|| (bucket.to_owned(), folder.to_owned()))
}

/// The fields of a format, in their order.
///
/// # Errors
/// When there is none, or one that no version knows.
pub fn fields(format: &str) -> Result<Vec<(&'static str, u8)>> {
    let known = |word: &str| {
        let name = word.strip_prefix("${")?.strip_suffix('}')?;
        FIELDS.iter().find(|(known, _)| *known == name).copied()
    };
    let found: Result<Vec<_>> = format
        .split_whitespace()
        .map(|word| {
            known(word).ok_or_else(|| errors::flow_log_parameter(format!("Unknown fields provided: {word}")))
        })
        .collect();
    let found = found?;
    if found.is_empty() || format.len() > FORMAT_CHARS_MAX {
        return Err(errors::flow_log_parameter("Invalid LogFormat"));
    }
    Ok(found)
}

/// Whether the log is about flows with this verdict.
pub fn wants(traffic: Traffic, accepted: bool) -> bool {
    match traffic {
        Traffic::All => true,
        Traffic::Accept => accepted,
        Traffic::Reject => !accepted,
    }
}

pub fn word(traffic: Traffic) -> &'static str {
    match traffic {
        Traffic::All => "ALL",
        Traffic::Accept => "ACCEPT",
        Traffic::Reject => "REJECT",
    }
}

/// The stream of an interface in a log group: `eni-…-all`.
pub fn stream(traffic: Traffic, interface: &str) -> String {
    format!("{interface}-{}", word(traffic).to_ascii_lowercase())
}

/// The first line of a file: the names of the fields.
pub fn header(fields: &[(&'static str, u8)]) -> String {
    fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Where a bucket's files are, up to their account.
pub fn folder(scope: &Scope, folder: &str, hive: bool) -> String {
    let slash = if folder.is_empty() { "" } else { "/" };
    let name = if hive { "aws-account-id=" } else { "" };
    format!("{folder}{slash}AWSLogs/{name}{}", scope.account)
}

/// The key of a file that ends at `at`, in milliseconds since 1970; `chance` is what no other file has.
pub fn key(
    scope: &Scope,
    log: &FlowLog,
    (to, hive, per_hour): (&str, bool, bool),
    at: i64,
    chance: &str,
) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute) = (at.hour(), at.minute());
    let (account, region) = (scope.account, scope.region);
    let mut key = folder(scope, to, hive);
    key.push_str(&if hive {
        format!("/aws-service=vpcflowlogs/aws-region={region}/year={year}/month={month:02}/day={day:02}")
    } else {
        format!("/vpcflowlogs/{region}/{year}/{month:02}/{day:02}")
    });
    if per_hour {
        key.push_str(&if hive { format!("/hour={hour:02}") } else { format!("/{hour:02}") });
    }
    let id = log.id.as_str();
    let stamp = format!("{year}{month:02}{day:02}T{hour:02}{minute:02}Z");
    key + &format!("/{account}_vpcflowlogs_{region}_{id}_{stamp}_{chance}.log.gz")
}

/// The statements by which a bucket's policy lets files in (VPC user guide, "Amazon S3 bucket permissions for flow logs"), added to
/// the policy it has; `None` where they are there.
pub fn policy(scope: &Scope, bucket: &str, folder: &str, known: Option<&str>) -> Option<String> {
    use serde_json::{Value, json};
    let resource = format!("arn:{}:s3:::{bucket}/{folder}/*", scope.partition());
    let mut policy: Value = known
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    let statements = policy.get_mut("Statement")?;
    if statements.is_object() {
        *statements = Value::Array(vec![statements.take()]);
    }
    let statements = statements.as_array_mut()?;
    let principal = json!({ "Service": format!("{DELIVERY}.amazonaws.com") });
    let is_ours = |statement: &Value| {
        let resources = statement.get("Resource");
        let names = resources.is_some_and(|named| {
            *named == json!(resource) || named.as_array().is_some_and(|all| all.contains(&json!(resource)))
        });
        names && statement.get("Principal") == Some(&principal)
    };
    if statements.iter().any(is_ours) {
        return None;
    }
    let condition = json!({ "aws:SourceAccount": scope.account.to_string() });
    let source = json!({ "aws:SourceArn": scope.arn("logs", "*") });
    statements.push(json!({
        "Sid": format!("AWSLogDeliveryWrite{}", statements.len()), "Effect": "Allow", "Principal": principal,
        "Action": "s3:PutObject", "Resource": resource,
        "Condition": {
            "StringEquals": { "aws:SourceAccount": scope.account.to_string(), "s3:x-amz-acl": "bucket-owner-full-control" },
            "ArnLike": source,
        },
    }));
    statements.push(json!({
        "Sid": format!("AWSLogDeliveryAclCheck{}", statements.len()), "Effect": "Allow", "Principal": principal,
        "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": format!("arn:{}:s3:::{bucket}", scope.partition()),
        "Condition": { "StringEquals": condition, "ArnLike": source },
    }));
    Some(policy.to_string())
}

/// Names that filters may have.
pub const FILTERS: &[&str] = &[
    "deliver-log-status",
    "log-destination-type",
    "flow-log-id",
    "log-group-name",
    "resource-id",
    "traffic-type",
];

/// What the log has under a filter's name.
pub fn values(log: &FlowLog, name: &str) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match name {
        "deliver-log-status" => one(status(log)),
        "log-destination-type" => one(kind(&log.to)),
        "flow-log-id" => one(log.id.as_str()),
        "log-group-name" => match &log.to {
            Destination::LogGroup { name, .. } => one(name),
            Destination::Bucket { .. } => Vec::new(),
        },
        "resource-id" => one(log.of.id()),
        "traffic-type" => one(word(log.traffic)),
        _ => Vec::new(),
    }
}

pub fn status(log: &FlowLog) -> &'static str {
    if log.failure.is_some() { "FAILED" } else { "SUCCESS" }
}

fn kind(to: &Destination) -> &'static str {
    match to {
        Destination::LogGroup { .. } => "cloud-watch-logs",
        Destination::Bucket { .. } => "s3",
    }
}

/// The log as DescribeFlowLogs tells it, without tags.
pub fn show(scope: &Scope, log: &FlowLog) -> api::FlowLog {
    let (arn, group, role, options) = match &log.to {
        Destination::LogGroup { name, role } => {
            let arn = scope.arn("logs", format_args!("log-group:{name}"));
            (arn, Some(name.clone()), Some(role.clone()), None)
        }
        Destination::Bucket { bucket, folder, hive, per_hour } => {
            let slash = if folder.is_empty() { "" } else { "/" };
            let options = api::DestinationOptionsResponse {
                file_format: Some("plain-text".to_owned()),
                hive_compatible_partitions: Some(*hive),
                per_hour_partition: Some(*per_hour),
            };
            let arn = format!("arn:{}:s3:::{bucket}{slash}{folder}", scope.partition());
            (arn, None, None, Some(options))
        }
    };
    api::FlowLog {
        creation_time: Some(shape::Timestamp::from_millis(log.created_at)),
        deliver_logs_error_message: log.failure.clone(),
        deliver_logs_permission_arn: role,
        deliver_cross_account_role: None,
        deliver_logs_status: Some(status(log).to_owned()),
        flow_log_id: Some(log.id.to_string()),
        flow_log_status: Some("ACTIVE".to_owned()),
        log_group_name: group,
        resource_id: Some(log.of.id().to_owned()),
        traffic_type: Some(word(log.traffic).to_owned()),
        log_destination_type: Some(kind(&log.to).to_owned()),
        log_destination: Some(arn),
        log_format: Some(log.format.clone()),
        tags: None,
        max_aggregation_interval: i32::try_from(log.interval_s).ok(),
        destination_options: options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::id::FlowLogId;

    fn scope() -> Scope {
        Scope { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
    }

    #[test]
    fn formats_name_known_fields_only() {
        for bad in ["", "version", "${version} ${nonsense}", "${version}${start}"] {
            assert!(fields(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_named_by_the_day_and_minute_they_end() {
        let id = FlowLogId::parse("fl-0123456789abcdef0").unwrap();
        let to = Destination::Bucket { bucket: "b".into(), folder: "x".into(), hive: false, per_hour: true };
        let log = FlowLog {
            id,
            of: Watched::Vpc(Id::parse("vpc-0123456789abcdef0").unwrap()),
            traffic: Traffic::All,
            to,
            format: DEFAULT_FORMAT.into(),
            interval_s: 60,
            created_at: 0,
            failure: None,
        };
        let at = 1_700_000_000_000;
        assert_eq!(
            key(&scope(), &log, ("x", false, true), at, "cafe"),
            "x/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2023/11/14/22/\
             123456789012_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20231114T2213Z_cafe.log.gz"
        );
        assert!(key(&scope(), &log, ("", true, true), at, "cafe").starts_with(
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2023/month=11/day=14/hour=22/"
        ));
    }

    #[test]
    fn a_policy_is_extended_once() {
        let first = policy(&scope(), "b", "AWSLogs/123456789012", None).unwrap();
        assert!(policy(&scope(), "b", "AWSLogs/123456789012", Some(&first)).is_none());
        let own = r#"{"Version":"2012-10-17","Statement":{"Sid":"Own","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}"#;
        let both = policy(&scope(), "b", "AWSLogs/123456789012", Some(own)).unwrap();
        assert!(both.contains("\"Own\"") && both.contains("AWSLogDeliveryWrite1"), "{both}");
    }
}
