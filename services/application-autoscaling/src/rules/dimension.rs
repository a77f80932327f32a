//! What services offer to be scaled: a number of a resource. A new one is an entry here, and says in
//! `controllers/dimension.rs` how it is read and set.

/// A number that can be scaled.
#[derive(Debug)]
pub struct Dimension {
    pub name: &'static str,
    pub number: Number,
    /// What identifiers of its resources begin with.
    pub resource_type: &'static str,
    /// As activities call the number.
    pub noun: &'static str,
    /// The service whose linked role the work is done under, and that role's name.
    pub linked_role: (&'static str, &'static str),
    /// How long one waits after a change where a policy does not say, in seconds.
    pub cooldown_s: i32,
    pub metrics: &'static [Predefined],
}

/// Whose number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    SpotFleetTarget,
}

/// A metric that policies may name.
#[derive(Debug)]
pub struct Predefined {
    pub name: &'static str,
    pub namespace: &'static str,
    pub metric: &'static str,
    pub statistic: &'static str,
    pub by: By,
}

/// The dimension a metric is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The id of the resource, under this name.
    Resource(&'static str),
    /// The target group that the resource label names.
    TargetGroup,
}

const fn of_fleet(name: &'static str, metric: &'static str) -> Predefined {
    let (namespace, statistic, by) = ("AWS/EC2", "Average", By::Resource("FleetRequestId"));
    Predefined { name, namespace, metric, statistic, by }
}

pub static ALL: [Dimension; 1] = [Dimension {
    name: "ec2:spot-fleet-request:TargetCapacity",
    number: Number::SpotFleetTarget,
    resource_type: "spot-fleet-request",
    noun: "target capacity",
    linked_role: (
        "ec2.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest",
    ),
    cooldown_s: 300,
    metrics: &[
        of_fleet("EC2SpotFleetRequestAverageCPUUtilization", "CPUUtilization"),
        of_fleet("EC2SpotFleetRequestAverageNetworkIn", "NetworkIn"),
        of_fleet("EC2SpotFleetRequestAverageNetworkOut", "NetworkOut"),
        Predefined {
            name: "ALBRequestCountPerTarget",
            namespace: "AWS/ApplicationELB",
            metric: "RequestCountPerTarget",
            statistic: "Sum",
            by: By::TargetGroup,
        },
    ],
}];

/// The id within a resource's identifier.
pub fn id_of(resource: &str) -> &str {
    resource.split_once('/').map_or(resource, |(_, id)| id)
}
