//! What security groups may be called and hold.

pub const DEFAULT_NAME: &str = "default";
pub const DEFAULT_DESCRIPTION: &str = "default VPC security group";
/// AWS's default quota, "VPC security groups per Region".
pub const GROUPS_MAX: usize = 2_500;
/// AWS's default quota, "Inbound or outbound rules per security group", each way.
pub const RULES_MAX: usize = 60;
