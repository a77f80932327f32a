//! Metrics of groups (user guide, "Amazon CloudWatch metrics for Amazon EC2 Auto Scaling").

use crate::state::group::Group;
use crate::state::instance::{Instance, Stage, Wish};

pub const METRICS: [&str; 18] = [
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
    "GroupDesiredCapacity",
    "GroupInServiceCapacity",
    "GroupInServiceInstances",
    "GroupMaxSize",
    "GroupMinSize",
    "GroupPendingCapacity",
    "GroupPendingInstances",
    "GroupStandbyCapacity",
    "GroupStandbyInstances",
    "GroupTerminatingCapacity",
    "GroupTerminatingInstances",
    "GroupTotalCapacity",
    "GroupTotalInstances",
    "WarmPoolDesiredCapacity",
    "WarmPoolTotalCapacity",
    "WarmPoolWarmedCapacity",
];

/// What a metric is now.
pub fn value(name: &str, group: &Group, instances: &[Instance]) -> f64 {
    let sum = |is_meant: &dyn Fn(&Instance) -> bool, weighs: bool| {
        let meant = instances.iter().filter(|one| is_meant(one));
        f64::from(meant.map(|one| if weighs { one.weight } else { 1 }).sum::<i32>())
    };
    let is_terminating = |one: &Instance| one.wish == Wish::Terminate && !one.is_warm();
    let is_standby = |one: &Instance| matches!(one.stage, Stage::Standby | Stage::EnteringStandby);
    let is_pending = |one: &Instance| {
        one.wish == Wish::Serve && !one.is_in_service() && !is_standby(one) && !one.is_warm()
    };
    let is_total = |one: &Instance| !one.is_warm();
    let is_warm = |one: &Instance| one.is_warm();
    let is_warmed = |one: &Instance| matches!(one.stage, Stage::WarmedStopped | Stage::WarmedRunning);
    let desired = f64::from(group.desired);
    match name {
        "GroupMinSize" => f64::from(group.asked.0.min_size),
        "GroupMaxSize" => f64::from(group.asked.0.max_size),
        "GroupDesiredCapacity" => desired,
        "GroupInServiceInstances" => sum(&Instance::is_in_service, false),
        "GroupInServiceCapacity" => sum(&Instance::is_in_service, true),
        "GroupPendingInstances" => sum(&is_pending, false),
        "GroupPendingCapacity" => sum(&is_pending, true),
        "GroupStandbyInstances" => sum(&is_standby, false),
        "GroupStandbyCapacity" => sum(&is_standby, true),
        "GroupTerminatingInstances" => sum(&is_terminating, false),
        "GroupTerminatingCapacity" => sum(&is_terminating, true),
        "GroupTotalInstances" => sum(&is_total, false),
        "GroupTotalCapacity" => sum(&is_total, true),
        "WarmPoolDesiredCapacity" | "WarmPoolTotalCapacity" => sum(&is_warm, true),
        "WarmPoolWarmedCapacity" => sum(&is_warmed, true),
        "GroupAndWarmPoolDesiredCapacity" => desired + sum(&is_warm, true),
        "GroupAndWarmPoolTotalCapacity" => sum(&|_: &Instance| true, true),
        _ => 0.0,
    }
}
