//! A spot request as the API shows it, and by what it can be sought.

use api_ec2 as api;
use serde_json::Value;
use shape::Timestamp;

use super::{instant, reshape};
use crate::state::spot::{Behavior, Code, Kind, SpotRequest, State};
use crate::state::tag::Tags;

pub const PRODUCT: &str = "Linux/UNIX";

pub fn state(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Active => "active",
        State::Disabled => "disabled",
        State::Closed => "closed",
        State::Cancelled => "cancelled",
        State::Failed => "failed",
    }
}

pub fn behavior(behavior: Behavior) -> &'static str {
    match behavior {
        Behavior::Terminate => "terminate",
        Behavior::Stop => "stop",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::OneTime => "one-time",
        Kind::Persistent => "persistent",
    }
}

/// Code and message.
fn status(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::PendingEvaluation => (
            "pending-evaluation",
            "Your Spot request has been submitted for review, and is pending evaluation.",
        ),
        Code::NotScheduledYet => {
            ("not-scheduled-yet", "Your Spot request will not be evaluated until the scheduled date.")
        }
        Code::ScheduleExpired => {
            ("schedule-expired", "Your Spot request expired before it could be fulfilled.")
        }
        Code::PriceTooLow => {
            ("price-too-low", "Your maximum price is lower than the minimum required fulfillment price.")
        }
        Code::CapacityNotAvailable => {
            ("capacity-not-available", "There is no Spot capacity available that matches your request.")
        }
        Code::ConstraintNotFulfillable => (
            "constraint-not-fulfillable",
            "Your Spot request cannot be fulfilled: a network interface is in use.",
        ),
        Code::BadParameters => ("bad-parameters", "Your Spot request failed due to bad parameters."),
        Code::Fulfilled => ("fulfilled", "Your Spot request is fulfilled."),
        Code::CanceledBeforeFulfillment => {
            ("canceled-before-fulfillment", "Your Spot request is canceled before it was fulfilled.")
        }
        Code::RequestCanceledAndInstanceRunning => (
            "request-canceled-and-instance-running",
            "Your Spot request is canceled, but your instance is still running.",
        ),
        Code::MarkedForTermination => {
            ("marked-for-termination", "Your Spot Instance is marked for termination.")
        }
        Code::MarkedForStop => ("marked-for-stop", "Your Spot Instance is marked for stopping."),
        Code::InstanceTerminatedByPrice => (
            "instance-terminated-by-price",
            "Your Spot Instance was terminated because the Spot price exceeded your maximum price.",
        ),
        Code::InstanceTerminatedNoCapacity => (
            "instance-terminated-no-capacity",
            "Your Spot Instance was terminated because there is no Spot capacity available.",
        ),
        Code::InstanceTerminatedByUser => {
            ("instance-terminated-by-user", "Spot Instance terminated due to user-initiated termination.")
        }
        Code::InstanceStoppedByPrice => (
            "instance-stopped-by-price",
            "Your Spot Instance was stopped because the Spot price exceeded your maximum price.",
        ),
        Code::InstanceStoppedNoCapacity => (
            "instance-stopped-no-capacity",
            "Your Spot Instance was stopped because there is no Spot capacity available.",
        ),
        Code::InstanceStoppedByUser => {
            ("instance-stopped-by-user", "Your Spot Instance was stopped because you stopped it.")
        }
    }
}

pub fn show(request: &SpotRequest, tags: Option<&Tags>) -> api::SpotInstanceRequest {
    let (code, message) = status(request.code);
    let fault = request
        .fault
        .clone()
        .map(|(code, message)| api::SpotInstanceStateFault { code: Some(code), message: Some(message) });
    api::SpotInstanceRequest {
        spot_instance_request_id: Some(request.id.to_string()),
        spot_price: Some(request.max_price.to_string()),
        r#type: Some(kind(request.kind).to_owned()),
        state: Some(state(request.state).to_owned()),
        status: Some(api::SpotInstanceStatus {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            update_time: Some(Timestamp::from_millis(request.updated_at)),
        }),
        fault,
        valid_from: request.valid_from.map(Timestamp::from_millis),
        valid_until: request.valid_until.map(Timestamp::from_millis),
        create_time: Some(Timestamp::from_millis(request.created_at)),
        product_description: Some(PRODUCT.to_owned()),
        instance_id: request.instance.as_ref().map(ToString::to_string),
        launched_availability_zone: request.zone.clone(),
        instance_interruption_behavior: Some(behavior(request.behavior).to_owned()),
        launch_specification: Some(specification(request)),
        tags: tags.and_then(super::tag::shown),
        ..Default::default()
    }
}

fn specification(request: &SpotRequest) -> api::LaunchSpecification {
    let mut data = request.launch.clone();
    let ids = data.remove("SecurityGroupIds");
    data.remove("SecurityGroups");
    let mut shown = api::LaunchSpecification::default();
    reshape::fill(&mut shown, &data);
    let ids = ids.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let groups: Vec<_> =
        ids.map(|id| api::GroupIdentifier { group_id: Some(id.to_owned()), ..Default::default() }).collect();
    shown.security_groups = Some(groups).filter(|groups| !groups.is_empty());
    shown.instance_type = Some(request.instance_type.clone());
    shown
}

pub const FILTERS: &[&str] = &[
    "availability-zone-group",
    "create-time",
    "fault-code",
    "fault-message",
    "instance-id",
    "launch-group",
    "launch.block-device-mapping.delete-on-termination",
    "launch.block-device-mapping.device-name",
    "launch.block-device-mapping.snapshot-id",
    "launch.block-device-mapping.volume-size",
    "launch.block-device-mapping.volume-type",
    "launch.group-id",
    "launch.group-name",
    "launch.image-id",
    "launch.instance-type",
    "launch.kernel-id",
    "launch.key-name",
    "launch.monitoring-enabled",
    "launch.network-interface.subnet-id",
    "launch.ramdisk-id",
    "launched-availability-zone",
    "launched-availability-zone-id",
    "network-interface.addresses.primary",
    "network-interface.delete-on-termination",
    "network-interface.description",
    "network-interface.device-index",
    "network-interface.group-id",
    "network-interface.network-interface-id",
    "network-interface.private-ip-address",
    "network-interface.subnet-id",
    "product-description",
    "spot-instance-request-id",
    "spot-price",
    "state",
    "status-code",
    "status-message",
    "type",
    "valid-from",
    "valid-until",
];

/// What a request has under a filter's name.
pub fn values(request: &SpotRequest, name: &str) -> Vec<String> {
    let (code, message) = status(request.code);
    let one = |text: &str| vec![text.to_owned()];
    let instant = |at: Option<i64>| at.map(instant::iso_millis).into_iter().collect();
    match name {
        "create-time" => instant(Some(request.created_at)),
        "fault-code" => request.fault.iter().map(|fault| fault.0.clone()).collect(),
        "fault-message" => request.fault.iter().map(|fault| fault.1.clone()).collect(),
        "instance-id" => request.instance.iter().map(ToString::to_string).collect(),
        "launched-availability-zone" => request.zone.clone().into_iter().collect(),
        "product-description" => one(PRODUCT),
        "spot-instance-request-id" => one(&request.id.to_string()),
        "spot-price" => one(&request.max_price.to_string()),
        "state" => one(state(request.state)),
        "status-code" => one(code),
        "status-message" => one(message),
        "type" => one(kind(request.kind)),
        "valid-from" => instant(request.valid_from),
        "valid-until" => instant(request.valid_until),
        "launch.instance-type" => one(&request.instance_type),
        name => launch_path(name).map(|path| at(&request.launch, path)).unwrap_or_default(),
    }
}

/// Where the launch holds what a filter is about.
fn launch_path(filter: &str) -> Option<&'static str> {
    Some(match filter {
        "launch.block-device-mapping.delete-on-termination" => "BlockDeviceMappings.Ebs.DeleteOnTermination",
        "launch.block-device-mapping.device-name" => "BlockDeviceMappings.DeviceName",
        "launch.block-device-mapping.snapshot-id" => "BlockDeviceMappings.Ebs.SnapshotId",
        "launch.block-device-mapping.volume-size" => "BlockDeviceMappings.Ebs.VolumeSize",
        "launch.block-device-mapping.volume-type" => "BlockDeviceMappings.Ebs.VolumeType",
        "launch.group-id" => "SecurityGroupIds",
        "launch.group-name" => "SecurityGroups",
        "launch.image-id" => "ImageId",
        "launch.key-name" => "KeyName",
        "launch.monitoring-enabled" => "Monitoring.Enabled",
        "launch.network-interface.subnet-id" => "SubnetId",
        "network-interface.delete-on-termination" => "NetworkInterfaces.DeleteOnTermination",
        "network-interface.description" => "NetworkInterfaces.Description",
        "network-interface.device-index" => "NetworkInterfaces.DeviceIndex",
        "network-interface.group-id" => "NetworkInterfaces.Groups",
        "network-interface.private-ip-address" => "NetworkInterfaces.PrivateIpAddress",
        "network-interface.subnet-id" => "NetworkInterfaces.SubnetId",
        _ => return None,
    })
}

fn at(data: &serde_json::Map<String, Value>, path: &str) -> Vec<String> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(value) = data.get(first) else { return Vec::new() };
    below(value, rest)
}

/// The texts at a dotted path, elements of lists being transparent.
fn below(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Array(elements) => elements.iter().flat_map(|element| below(element, path)).collect(),
        Value::Object(members) => at(members, path),
        Value::String(text) if path.is_empty() => vec![text.clone()],
        Value::Bool(is) if path.is_empty() => vec![is.to_string()],
        Value::Number(number) if path.is_empty() => vec![number.to_string()],
        _ => Vec::new(),
    }
}
