//! Which one attribute ModifyInstanceAttribute changes, and to what.

use api_ec2::ModifyInstanceAttributeRequest;
use kernel::Result;

use super::instance_type::{self, InstanceType};
use super::launch::{USER_DATA_BYTES_MAX, check_shutdown, check_user_data};
use super::launch_network::check_groups;
use super::{image, launch};
use crate::errors;
use crate::state::id::GroupId;
use crate::state::instance::OnShutdown;

/// The change asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    InstanceType(&'static InstanceType),
    UserData(Vec<u8>),
    TerminationProtected(bool),
    StopProtected(bool),
    OnShutdown(OnShutdown),
    EbsOptimized(bool),
    Groups(Vec<GroupId>),
    /// Whether its interface lets only its own packets through.
    SourceCheck(bool),
    /// What becomes of volumes when it is terminated.
    Devices(Vec<Device>),
}

/// A device, and whether its volume goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub volume: Option<String>,
    pub delete_on_termination: bool,
}

impl Change {
    /// Only a stopped instance can be changed so.
    pub fn needs_stop(&self) -> bool {
        matches!(self, Change::InstanceType(_) | Change::UserData(_) | Change::EbsOptimized(_))
    }
}

/// # Errors
/// When none or several are given, or one has a value it cannot have.
pub fn check(input: ModifyInstanceAttributeRequest) -> Result<Change> {
    let mut changes = Vec::new();
    if let Some(given) = input.instance_type {
        changes.push(check_type(&given.value.unwrap_or_default())?);
    }
    if let Some(given) = input.user_data {
        let data = given.value.unwrap_or_default();
        if data.len() > USER_DATA_BYTES_MAX {
            return Err(errors::user_data_too_long(USER_DATA_BYTES_MAX));
        }
        changes.push(Change::UserData(data.to_vec()));
    }
    let is = |given: Option<api_ec2::AttributeBooleanValue>| given.map(|given| given.value.unwrap_or(false));
    changes.extend(is(input.disable_api_termination).map(Change::TerminationProtected));
    changes.extend(is(input.disable_api_stop).map(Change::StopProtected));
    changes.extend(is(input.ebs_optimized).map(Change::EbsOptimized));
    changes.extend(is(input.source_dest_check).map(Change::SourceCheck));
    if let Some(given) = input.instance_initiated_shutdown_behavior {
        changes.push(Change::OnShutdown(check_shutdown(given.value.as_deref())?));
    }
    if let Some(groups) = input.groups.filter(|groups| !groups.is_empty()) {
        changes.push(Change::Groups(check_groups(Some(groups))?));
    }
    if let Some(given) = input.block_device_mappings.filter(|given| !given.is_empty()) {
        changes.push(Change::Devices(given.into_iter().map(device).collect::<Result<_>>()?));
    }
    if let Some(attribute) = input.attribute {
        changes.push(by_name(&attribute, &input.value.unwrap_or_default())?);
    }
    let change = changes.pop().ok_or_else(|| errors::missing("Attribute"))?;
    if changes.is_empty() { Ok(change) } else { Err(errors::several_attributes()) }
}

fn device(given: api_ec2::InstanceBlockDeviceMappingSpecification) -> Result<Device> {
    let ebs = given.ebs.unwrap_or_default();
    let lacks = |what: &str| errors::missing(&format!("BlockDeviceMapping.{what}"));
    Ok(Device {
        name: given.device_name.ok_or_else(|| lacks("DeviceName"))?,
        volume: ebs.volume_id,
        delete_on_termination: ebs.delete_on_termination.ok_or_else(|| lacks("Ebs.DeleteOnTermination"))?,
    })
}

/// Attributes that are what they are.
const FIXED: [&str; 2] = ["productCodes", "rootDeviceName"];

/// The older form: an attribute's name, and its value as text.
fn by_name(attribute: &str, value: &str) -> Result<Change> {
    let is = || match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(errors::invalid_value(other, attribute)),
    };
    Ok(match attribute {
        "instanceType" => check_type(value)?,
        "userData" => Change::UserData(launch::decode(&check_user_data(value.to_owned())?)),
        "disableApiTermination" => Change::TerminationProtected(is()?),
        "disableApiStop" => Change::StopProtected(is()?),
        "ebsOptimized" => Change::EbsOptimized(is()?),
        "sourceDestCheck" => Change::SourceCheck(is()?),
        "instanceInitiatedShutdownBehavior" => Change::OnShutdown(check_shutdown(Some(value))?),
        other if FIXED.contains(&other) => return Err(errors::attribute_fixed(other)),
        other => return Err(errors::unsupported(&format!("Changing the attribute {other}"))),
    })
}

fn check_type(name: &str) -> Result<Change> {
    let size = instance_type::find(name).ok_or_else(|| errors::instance_type_unknown(name))?;
    if size.architecture != image::architecture() {
        return Err(errors::architecture_mismatch(name, size.architecture, image::architecture()));
    }
    Ok(Change::InstanceType(size))
}

#[cfg(test)]
mod tests {
    use api_ec2::{AttributeBooleanValue, AttributeValue};

    use super::*;

    #[test]
    fn one_attribute_at_a_time_in_either_form() {
        let request = ModifyInstanceAttributeRequest::default;
        let typed = ModifyInstanceAttributeRequest {
            instance_type: Some(AttributeValue { value: Some("m1.small".to_owned()) }),
            ..request()
        };
        assert!(matches!(check(typed.clone()).unwrap(), Change::InstanceType(t) if t.name == "m1.small"));
        let both = ModifyInstanceAttributeRequest {
            disable_api_stop: Some(AttributeBooleanValue { value: Some(true) }),
            ..typed
        };
        assert_eq!(check(both).unwrap_err().code(), "InvalidParameterCombination");
        let named = |name: &str, value: &str| ModifyInstanceAttributeRequest {
            attribute: Some(name.to_owned()),
            value: Some(value.to_owned()),
            ..request()
        };
        assert_eq!(check(named("disableApiStop", "true")).unwrap(), Change::StopProtected(true));
        assert_eq!(check(named("kernel", "aki-1")).unwrap_err().code(), "UnsupportedOperation");
        assert_eq!(check(named("sourceDestCheck", "false")).unwrap(), Change::SourceCheck(false));
        assert_eq!(check(request()).unwrap_err().code(), "MissingParameter");
        let nothing = api_ec2::InstanceBlockDeviceMappingSpecification {
            device_name: Some("/dev/sdf".to_owned()),
            ..Default::default()
        };
        let nothing =
            ModifyInstanceAttributeRequest { block_device_mappings: Some(vec![nothing]), ..request() };
        assert_eq!(check(nothing).unwrap_err().code(), "MissingParameter");
    }
}
