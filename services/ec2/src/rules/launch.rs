//! What a launch may ask for: every refusal of RunInstances that needs no look at what is there.

use std::collections::BTreeMap;

use api_ec2::RunInstancesRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Result;

use super::block_device::{self, DeviceWish};
use super::image;
use super::instance_profile::{self, Wish};
use super::instance_type::{self, InstanceType};
use super::launch_network::{self, Network, Where};
use super::{capacity_reservation, cpu_credits, metadata_options, placement, private_name, spot, tag};
use crate::errors;
use crate::state::id::{Id, ImageId, LaunchTemplateId};
use crate::state::instance::{MetadataOptions, OnShutdown, Preference, Tenancy};
use crate::state::tag::Tags;

/// A launch that is right in itself.
#[derive(Debug)]
pub struct Launch {
    pub image: ImageId,
    pub instance_type: &'static InstanceType,
    pub min: u32,
    pub max: u32,
    pub key_name: Option<String>,
    pub user_data: Option<String>,
    pub metadata: MetadataOptions,
    pub profile: Option<Wish>,
    pub termination_protected: bool,
    pub stop_protected: bool,
    pub on_shutdown: OnShutdown,
    pub monitoring: bool,
    pub ebs_optimized: bool,
    pub cpu_credits: Option<String>,
    pub devices: Vec<DeviceWish>,
    pub network: Network,
    /// `None` is on demand.
    pub market: Option<spot::Wish>,
    pub preference: Preference,
    pub recovery_off: bool,
    pub names: private_name::Wish,
    pub place: placement::Wish,
    /// By resource type.
    pub tags: BTreeMap<String, Tags>,
    pub client_token: Option<String>,
    pub dry_run: bool,
    /// The launch template it was completed from.
    pub source: Option<Source>,
}

/// A version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub template: LaunchTemplateId,
    pub version: u64,
}

impl Launch {
    /// The tags of the instances, with those AWS itself adds.
    pub fn instance_tags(&self) -> Tags {
        let mut tags = self.tags.get("instance").cloned().unwrap_or_default();
        if let Some(source) = &self.source {
            tags.insert("aws:ec2launchtemplate:id".to_owned(), source.template.to_string());
            tags.insert("aws:ec2launchtemplate:version".to_owned(), source.version.to_string());
        }
        tags
    }
}

/// Types of resources a launch makes and tags.
pub const TAGGED: &[&str] = &["instance", "volume", "network-interface", "spot-instances-request"];
/// Instances of one request.
const COUNT_MAX: u32 = 1_000;
/// Of user data, decoded (EC2 user guide, "Run commands at launch").
pub const USER_DATA_BYTES_MAX: usize = 16_384;
/// What AWS takes where a request names no type.
const TYPE_DEFAULT: &str = "m1.small";
const TOKEN_CHARS_MAX: usize = 64;

/// # Errors
/// The refusals that AWS has for such a request.
pub fn check(input: RunInstancesRequest) -> Result<Launch> {
    let (min, max) = check_counts(input.min_count, input.max_count)?;
    let image = check_image(input.image_id.as_deref())?;
    let name = input.instance_type.as_deref().unwrap_or(TYPE_DEFAULT);
    let instance_type = instance_type::find(name).ok_or_else(|| errors::instance_type_unknown(name))?;
    if instance_type.architecture != image::architecture() {
        return Err(errors::architecture_mismatch(name, instance_type.architecture, image::architecture()));
    }
    check_parts(&input)?;
    let market = spot::check_options(input.instance_market_options)?;
    let preference = capacity_reservation::check_preference(input.capacity_reservation_specification)?;
    if market.is_some() && !matches!(preference, Preference::Open | Preference::None) {
        return Err(errors::combination("Spot Instances cannot run in Capacity Reservations."));
    }
    let place = input.placement.as_ref().map(placement::check).transpose()?.unwrap_or_default();
    if market.is_some() && place.tenancy == Tenancy::Host {
        return Err(errors::combination("Spot Instances cannot run on Dedicated Hosts."));
    }
    let devices = block_device::check(input.block_device_mappings)?;
    let cpu_credits = check_credits(instance_type, input.credit_specification.map(|c| c.cpu_credits))?;
    let network = launch_network::check(Where {
        interfaces: input.network_interfaces,
        subnet: input.subnet_id,
        groups: input.security_group_ids,
        group_names: input.security_groups,
        private_ip: input.private_ip_address,
        ipv6: (input.ipv6_addresses, input.ipv6_address_count),
        placement: input.placement,
    })?;
    instance_type::check_interfaces(instance_type, network.all().count())?;
    network.check_addresses(instance_type.name)?;
    if network.is_fixed() && max > 1 {
        return Err(errors::fixed_for_several());
    }
    Ok(Launch {
        image,
        instance_type,
        min,
        max,
        key_name: input.key_name.filter(|name| !name.is_empty()),
        user_data: input.user_data.map(check_user_data).transpose()?,
        metadata: match input.metadata_options {
            Some(options) => metadata_options::at_launch(options)?,
            None => MetadataOptions::default(),
        },
        profile: input.iam_instance_profile.map(instance_profile::check).transpose()?.flatten(),
        termination_protected: input.disable_api_termination.unwrap_or(false),
        stop_protected: input.disable_api_stop.unwrap_or(false),
        on_shutdown: check_shutdown(input.instance_initiated_shutdown_behavior.as_deref())?,
        monitoring: input.monitoring.is_some_and(|monitoring| monitoring.enabled),
        ebs_optimized: input.ebs_optimized.unwrap_or(false),
        cpu_credits,
        devices,
        network,
        market,
        preference,
        place,
        recovery_off: check_recovery(
            input.maintenance_options.and_then(|options| options.auto_recovery).as_deref(),
        )?,
        names: private_name::at_launch(input.private_dns_name_options)?,
        tags: tag::of_specifications(input.tag_specifications, TAGGED)?,
        client_token: input.client_token.filter(|token| !token.is_empty()).map(check_token).transpose()?,
        dry_run: input.dry_run.unwrap_or(false),
        source: None,
    })
}

/// What is wrong whatever else a launch asks for: what a launch template is refused for too.
///
/// # Errors
/// As [`check`].
pub fn check_parts(input: &RunInstancesRequest) -> Result<()> {
    if input.hibernation_options.as_ref().and_then(|o| o.configured) == Some(true) {
        return Err(errors::cannot_hibernate());
    }
    if input.enclave_options.as_ref().and_then(|o| o.enabled) == Some(true) {
        return Err(errors::unsupported("An enclave"));
    }
    if let Some(given) = &input.credit_specification {
        cpu_credits::check_credits(&given.cpu_credits, cpu_credits::OF_INSTANCE_INVALID)?;
    }
    input.metadata_options.clone().map(metadata_options::at_launch).transpose()?;
    tag::of_specifications(input.tag_specifications.clone(), TAGGED)?;
    Ok(())
}

fn check_counts(min: i32, max: i32) -> Result<(u32, u32)> {
    let positive = |count: i32, name: &str| match u32::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(errors::invalid_because(count, name, "It must be greater than zero.")),
    };
    let (min, max) = (positive(min, "minCount")?, positive(max, "maxCount")?);
    if min > max {
        let message = "The maximum count must be greater than or equal to the minimum count.";
        return Err(errors::combination(message));
    }
    if max > COUNT_MAX {
        return Err(errors::launch_too_many());
    }
    Ok((min, max))
}

fn check_image(id: Option<&str>) -> Result<ImageId> {
    let text = id.filter(|id| !id.is_empty()).ok_or_else(|| errors::missing("ImageId"))?;
    ImageId::parse(text).ok_or_else(|| errors::image_malformed(text))
}

fn check_token(token: String) -> Result<String> {
    if token.len() > TOKEN_CHARS_MAX || !token.is_ascii() {
        return Err(errors::invalid_value(token, "clientToken"));
    }
    Ok(token)
}

/// Base64 of at most [`USER_DATA_BYTES_MAX`] bytes.
///
/// # Errors
/// `InvalidParameterValue` when it is not, or is longer.
pub fn check_user_data(text: String) -> Result<String> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| errors::user_data_not_base64())?;
    if bytes.len() > USER_DATA_BYTES_MAX {
        return Err(errors::user_data_too_long(USER_DATA_BYTES_MAX));
    }
    Ok(text)
}

/// The bytes of user data that was checked.
pub fn decode(user_data: &str) -> Vec<u8> {
    STANDARD.decode(user_data.trim()).unwrap_or_default()
}

/// # Errors
/// `InvalidParameterValue` for another word than `stop` and `terminate`.
pub fn check_shutdown(behavior: Option<&str>) -> Result<OnShutdown> {
    match behavior {
        None | Some("stop") => Ok(OnShutdown::Stop),
        Some("terminate") => Ok(OnShutdown::Terminate),
        Some(other) => Err(errors::invalid_value(other, "instanceInitiatedShutdownBehavior")),
    }
}

/// Whether it is switched off.
///
/// # Errors
/// `InvalidParameterValue` for another word than `default` and `disabled`.
pub fn check_recovery(given: Option<&str>) -> Result<bool> {
    match given {
        None | Some("default") => Ok(false),
        Some("disabled") => Ok(true),
        Some(other) => Err(errors::invalid_value(other, "autoRecovery")),
    }
}

/// # Errors
/// When the type is not burstable.
fn check_credits(instance_type: &InstanceType, given: Option<String>) -> Result<Option<String>> {
    match given {
        Some(_) if !instance_type.is_burstable() => Err(errors::combination(format!(
            "The instance type '{}' does not support a credit specification.",
            instance_type.name
        ))),
        given => Ok(given),
    }
}
