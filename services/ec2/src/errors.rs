//! Every error EC2 answers, in AWS's codes and words (EC2 API reference, "Error codes").

use std::fmt::Display;
use std::net::Ipv4Addr;

use kernel::{Error, Kind};

use crate::state::id::{GroupId, Id, InterfaceId, RuleId, SubnetId, VpcId};

// All operations.

/// The request would have been obeyed, had it not asked for nothing but that answer.
pub fn dry_run() -> Error {
    let message = "Request would have succeeded, but DryRun flag is set.";
    Error::new(Kind::Invalid, "DryRunOperation", message).status_is(412)
}

pub fn missing(name: &str) -> Error {
    let message = format!("The request must contain the parameter {name}");
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn invalid_value(value: impl Display, name: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid."))
}

pub fn invalid_because(value: impl Display, name: &str, why: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid. {why}"))
}

pub fn invalid_parameter_value(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn combination(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

/// A text that cannot be an id of this kind. `code` is the kind's own: `InvalidGroupId.Malformed`.
pub fn malformed<I: Id>(code: &'static str, text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\" (expecting \"{}...\")", I::PREFIX);
    Error::new(Kind::Invalid, code, message)
}

// Filters, pages, tags.

pub fn filter_invalid(name: &str) -> Error {
    invalid_parameter_value(format!("The filter '{name}' is invalid"))
}

pub fn filter_limit(max: usize) -> Error {
    let message = format!("The maximum number of filter values specified on a single call is {max}");
    Error::new(Kind::Limit, "FilterLimitExceeded", message)
}

pub fn max_results_low(given: i32, min: i32) -> Error {
    let message = format!(
        "Value ( {given} ) for parameter maxResults is invalid. Expecting a value greater than {min}."
    );
    invalid_parameter_value(message)
}

pub fn max_results_high(given: i32, max: i32) -> Error {
    let message = format!(
        "Value ( {given} ) for parameter maxResults is invalid. Expecting a value smaller than {max}."
    );
    invalid_parameter_value(message)
}

pub fn token_invalid(token: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidNextToken", format!("The token '{token}' is invalid"))
}

pub fn tag_key_empty() -> Error {
    invalid_parameter_value("Tag key cannot be empty")
}

pub fn tag_key_long(max: usize) -> Error {
    invalid_parameter_value(format!("Tag key exceeds the maximum length of {max} characters"))
}

pub fn tag_value_long(max: usize) -> Error {
    invalid_parameter_value(format!("Tag value exceeds the maximum length of {max} characters"))
}

pub fn tag_key_reserved() -> Error {
    invalid_parameter_value("Tag keys starting with 'aws:' are reserved for internal use")
}

pub fn tag_duplicate(key: &str) -> Error {
    invalid_parameter_value(format!("Duplicate tag key '{key}' specified."))
}

pub fn tag_limit() -> Error {
    let message = "The maximum number of Tags for a resource has been reached.";
    Error::new(Kind::Limit, "TagLimitExceeded", message)
}

pub fn tag_type_missing() -> Error {
    invalid_parameter_value("Tag specification resource type must have a value")
}

pub fn tag_type_not_allowed(resource_type: &str) -> Error {
    let message = format!("'{resource_type}' is not a valid taggable resource type for this operation.");
    invalid_parameter_value(message)
}

pub fn tag_type_twice() -> Error {
    invalid_parameter_value(
        "The same resource type may not be specified more than once in tag specifications.",
    )
}

pub fn tag_specification_empty() -> Error {
    invalid_parameter_value("Tag specification must have at least one tag")
}

/// An id of a resource that cannot bear tags, or of no resource at all.
pub fn tag_id_invalid(id: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidID", format!("The ID '{id}' is not valid"))
}

// Networks.

fn not_found(code: &'static str, noun: &str, id: impl Display) -> Error {
    Error::new(Kind::NotFound, code, format!("The {noun} ID '{id}' does not exist"))
}

pub fn vpc_not_found(id: impl Display) -> Error {
    not_found("InvalidVpcID.NotFound", "vpc", id)
}

pub fn subnet_not_found(id: impl Display) -> Error {
    not_found("InvalidSubnetID.NotFound", "subnet", id)
}

pub fn internet_gateway_not_found(id: impl Display) -> Error {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}

pub fn route_table_not_found(id: impl Display) -> Error {
    not_found("InvalidRouteTableID.NotFound", "routeTable", id)
}

pub fn network_acl_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkAclID.NotFound", "networkAcl", id)
}

pub fn dhcp_options_not_found(id: impl Display) -> Error {
    not_found("InvalidDhcpOptionID.NotFound", "dhcpOption", id)
}

pub fn interface_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
}

pub fn interface_malformed(text: &str) -> Error {
    malformed::<InterfaceId>("InvalidNetworkInterfaceId.Malformed", text)
}

pub fn default_vpc_exists() -> Error {
    let message = "A Default VPC already exists for this account in this region.";
    Error::new(Kind::Conflict, "DefaultVpcAlreadyExists", message)
}

pub fn attribute_unknown(name: &str) -> Error {
    invalid_because(name, "attribute", "Unknown attribute.")
}

pub fn region_invalid(name: impl Display) -> Error {
    invalid_parameter_value(format!("Invalid region provided: {name}"))
}

pub fn zone_invalid(name: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", format!("Invalid availability zone: [{name}]"))
}

pub fn no_default_subnet() -> Error {
    let message = "No default subnet for availability zone. Specify a subnet.";
    Error::new(Kind::Invalid, "MissingInput", message)
}

// Addresses.

pub fn address_outside_subnet(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} does not fall within the subnet's address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_reserved(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} is in subnet's reserved address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_in_use(address: Ipv4Addr) -> Error {
    Error::new(Kind::Conflict, "InvalidIPAddress.InUse", format!("Address {address} is in use."))
}

pub fn no_free_address(subnet: &SubnetId) -> Error {
    let message = format!(
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
    );
    Error::new(Kind::Limit, "InsufficientFreeAddressesInSubnet", message)
}

pub fn no_public_address() -> Error {
    let message = "Insufficient public IPv4 addresses are available to satisfy the request.";
    Error::new(Kind::Unavailable, "InsufficientAddressCapacity", message)
}

// Security groups.

pub fn group_not_found(id: impl Display) -> Error {
    let message = format!("The security group '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_not_found_in_vpc(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' does not exist in VPC '{vpc}'");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_not_found_in_default_vpc(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_malformed(text: &str) -> Error {
    malformed::<GroupId>("InvalidGroupId.Malformed", text)
}

pub fn group_duplicate(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
    Error::new(Kind::Conflict, "InvalidGroup.Duplicate", message)
}

pub fn group_limit() -> Error {
    let message = "The maximum number of security groups has been reached.";
    Error::new(Kind::Limit, "SecurityGroupLimitExceeded", message)
}

pub fn groups_per_interface_limit() -> Error {
    let message = "The maximum number of security groups per interface has been reached.";
    Error::new(Kind::Limit, "SecurityGroupsPerInterfaceLimitExceeded", message)
}

pub fn group_of_other_network(group: &GroupId, subnet: &SubnetId) -> Error {
    let message = format!("Security group {group} and subnet {subnet} belong to different networks.");
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

pub fn beyond_ascii(text: &str, parameter: &str) -> Error {
    invalid_because(text, parameter, "Character sets beyond ASCII are not supported.")
}

pub fn group_text_invalid(text: &str, parameter: &str) -> Error {
    let why =
        "Valid are strings of 1 to 255 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    invalid_because(text, parameter, why)
}

pub fn group_name_reserved(name: &str) -> Error {
    invalid_parameter_value(format!("Cannot use reserved security group name: {name}"))
}

pub fn group_name_like_id(name: &str) -> Error {
    invalid_because(name, "GroupName", "Group names may not be in the format sg-*.")
}

pub fn group_in_use(id: &GroupId) -> Error {
    let message = format!("resource {id} has a dependent object");
    Error::new(Kind::Conflict, "DependencyViolation", message)
}

pub fn group_cannot_be_deleted(id: &GroupId, name: &str) -> Error {
    let message = format!("the specified group: \"{id}\" name: \"{name}\" cannot be deleted by a user");
    Error::new(Kind::Conflict, "CannotDelete", message)
}

pub fn groups_of_other_networks() -> Error {
    let message = "You have specified two resources that belong to different networks.";
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn rules_limit() -> Error {
    let message = "The maximum number of rules per security group has been reached.";
    Error::new(Kind::Limit, "RulesPerSecurityGroupLimitExceeded", message)
}

pub fn rule_not_found(id: impl Display) -> Error {
    let message = format!("The security group rule ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidSecurityGroupRuleId.NotFound", message)
}

pub fn rule_malformed(text: &str) -> Error {
    malformed::<RuleId>("InvalidSecurityGroupRuleId.Malformed", text)
}

pub fn rule_description_invalid() -> Error {
    invalid_parameter_value(
        "Invalid rule description. Valid descriptions are strings less than 256 characters \
         from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
    )
}

// Permissions.

pub fn permission_duplicate(rule: &str) -> Error {
    let message = format!("the specified rule \"{rule}\" already exists");
    Error::new(Kind::Conflict, "InvalidPermission.Duplicate", message)
}

pub fn permission_not_found() -> Error {
    let message = "The specified rule does not exist in this security group.";
    Error::new(Kind::NotFound, "InvalidPermission.NotFound", message)
}

pub fn permission_twice() -> Error {
    invalid_parameter_value("The same permission must not appear multiple times")
}

pub fn permissions_twice_given() -> Error {
    combination("The parameter ipPermissions cannot be used with the parameters of a single permission")
}

pub fn rule_with_peers() -> Error {
    combination("Exactly one of CidrIpv4, CidrIpv6 and ReferencedGroupId is needed")
}

pub fn descriptions_missing_or_twice() -> Error {
    combination("Exactly one of the parameters ipPermissions and securityGroupRuleDescriptions is needed")
}

pub fn permission_without_peer() -> Error {
    missing("ipRanges, ipv6Ranges or groups")
}

pub fn protocol_unknown(protocol: &str) -> Error {
    invalid_parameter_value(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."))
}

pub fn ports_missing() -> Error {
    let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
    invalid_parameter_value(message)
}

pub fn port_out_of_range(port: i32) -> Error {
    invalid_parameter_value(format!("TCP/UDP port ({port}) out of range"))
}

pub fn port_range_reversed(from: i32, to: i32) -> Error {
    invalid_parameter_value(format!("Invalid TCP/UDP port range ({from}:{to})"))
}

pub fn icmp_type_out_of_range(value: i32) -> Error {
    invalid_parameter_value(format!("ICMP type ({value}) out of range"))
}

pub fn icmp_code_out_of_range(value: i32) -> Error {
    invalid_parameter_value(format!("ICMP code ({value}) out of range"))
}

pub fn icmp_code_without_type() -> Error {
    invalid_parameter_value("ICMP code cannot be given when the type is -1 (any)")
}

pub fn cidr_malformed(cidr: &str) -> Error {
    invalid_parameter_value(format!("CIDR block {cidr} is malformed"))
}

pub fn account_invalid(account: &str) -> Error {
    invalid_parameter_value(format!("Invalid user ID: \"{account}\""))
}

// Instances, images, key pairs.

/// `i-1, i-2` as AWS lists ids in messages.
fn listed(ids: &[String]) -> String {
    ids.join(", ")
}

pub fn instances_not_found(ids: &[String]) -> Error {
    let message = match ids {
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", listed(ids)),
    };
    Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", message)
}

pub fn instance_malformed(text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\"");
    Error::new(Kind::Invalid, "InvalidInstanceID.Malformed", message)
}

pub fn cannot_be_stopped(id: impl Display, state: &str) -> Error {
    incorrect_instance_state(id, &format!("is not in a state from which it can be stopped (it is {state})."))
}

pub fn cannot_be_started(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state from which it can be started.")
}

pub fn cannot_be_rebooted(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state from which it can be rebooted.")
}

pub fn must_be_stopped(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in the 'stopped' state.")
}

pub fn is_terminated(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state in which this can be done: it is terminated.")
}

fn incorrect_instance_state(id: impl Display, why: &str) -> Error {
    Error::new(Kind::Conflict, "IncorrectInstanceState", format!("The instance '{id}' {why}"))
}

pub fn termination_protected(id: impl Display) -> Error {
    let message = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
    );
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn stop_protected(id: impl Display) -> Error {
    let message = format!(
        "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
    );
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn token_mismatched(token: &str) -> Error {
    let message = format!(
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s). Client token: {token}"
    );
    Error::new(Kind::Conflict, "IdempotentParameterMismatch", message)
}

pub fn no_capacity(instance_type: &str) -> Error {
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity: this host has fewer processors or less memory than the type."
    );
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn no_room(instance_type: &str) -> Error {
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity: the memory of this host is promised to other instances."
    );
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn no_machines(why: &str) -> Error {
    let message = format!("This host cannot run instances: {why}");
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn instance_type_unknown(name: &str) -> Error {
    invalid_parameter_value(format!("Invalid value '{name}' for InstanceType."))
}

pub fn instance_types_unknown(names: &[String]) -> Error {
    let message = format!("The following supplied instance types do not exist: [{}]", listed(names));
    Error::new(Kind::Invalid, "InvalidInstanceType", message)
}

pub fn architecture_mismatch(instance_type: &str, architecture: &str, image: &str) -> Error {
    invalid_parameter_value(format!(
        "The architecture '{architecture}' of the specified instance type '{instance_type}' does not match the architecture '{image}' of the specified AMI."
    ))
}

pub fn instance_limit() -> Error {
    let message = "You have requested more instances than this region's limit allows in one request.";
    Error::new(Kind::Limit, "InstanceLimitExceeded", message)
}

pub fn user_data_not_base64() -> Error {
    invalid_parameter_value("Invalid BASE64 encoding of user data.")
}

pub fn user_data_too_long(limit: usize) -> Error {
    invalid_parameter_value(format!("User data is limited to {limit} bytes"))
}

/// Something EC2 knows and this cloud does not do (yet), named.
pub fn unsupported(what: &str) -> Error {
    Error::new(Kind::Invalid, "UnsupportedOperation", format!("{what} is not supported by this cloud."))
}

pub fn images_not_found(ids: &[String]) -> Error {
    let message = match ids {
        [id] => format!("The image id '[{id}]' does not exist"),
        ids => format!("The image ids '[{}]' do not exist", listed(ids)),
    };
    Error::new(Kind::NotFound, "InvalidAMIID.NotFound", message)
}

pub fn image_malformed(text: &str) -> Error {
    malformed::<crate::state::id::ImageId>("InvalidAMIID.Malformed", text)
}

pub fn key_pair_not_found(name: &str) -> Error {
    let message = format!("The key pair '{name}' does not exist");
    Error::new(Kind::NotFound, "InvalidKeyPair.NotFound", message)
}

pub fn key_pair_id_not_found(id: &str) -> Error {
    let message = format!("The key pair ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidKeyPair.NotFound", message)
}

pub fn key_pair_duplicate(name: &str) -> Error {
    let message = format!("The keypair '{name}' already exists.");
    Error::new(Kind::Conflict, "InvalidKeyPair.Duplicate", message)
}

pub fn key_pair_limit() -> Error {
    let message = "You have reached the limit of key pairs in this region.";
    Error::new(Kind::Limit, "KeyPairLimitExceeded", message)
}

pub fn invalid_key_format() -> Error {
    Error::new(Kind::Invalid, "InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

pub fn subnet_of_other_zone(subnet: &SubnetId, zone: &str) -> Error {
    invalid_parameter_value(format!("The subnet '{subnet}' is not in the availability zone '{zone}'."))
}

pub fn volume_not_found(id: impl Display) -> Error {
    Error::new(Kind::NotFound, "InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

pub fn volume_malformed(text: &str) -> Error {
    malformed::<crate::state::id::VolumeId>("InvalidVolumeID.Malformed", text)
}

pub fn several_attributes() -> Error {
    combination("Fields for multiple attribute types specified.")
}
