//! What a launch configuration may be, and what it asks of EC2.

use api_autoscaling as api;
use api_ec2 as ec2;
use kept::alike;
use kernel::Result;

use crate::errors;

/// Of an account in a region (user guide, "Quotas").
pub const CONFIGURATIONS_MAX: usize = 200;

/// # Errors
/// Without an image or a type, or with a bad name.
pub fn check(asked: &api::CreateLaunchConfigurationType) -> Result<()> {
    super::group::check_name(&asked.launch_configuration_name, "Launch configuration name")?;
    if asked.image_id.as_deref().unwrap_or_default().is_empty() {
        return Err(errors::validation(
            "Valid requests must contain either the InstanceID parameter \
             or both the ImageId and InstanceType parameters.",
        ));
    }
    if asked.instance_type.as_deref().unwrap_or_default().is_empty() {
        return Err(errors::validation(
            "Valid requests must contain either the InstanceID parameter \
             or both the ImageId and InstanceType parameters.",
        ));
    }
    if let Some(other) = asked.placement_tenancy.as_deref().filter(|t| !matches!(*t, "default" | "dedicated"))
    {
        return Err(errors::validation(format!("Invalid tenancy: {other}")));
    }
    if let Some(price) = asked.spot_price.as_deref()
        && !price.parse::<f64>().is_ok_and(|price| price > 0.0)
    {
        return Err(errors::validation(format!("Invalid spot price: {price}")));
    }
    Ok(())
}

/// The request to EC2 that launches from it, but for where and how many.
pub fn request(asked: &api::CreateLaunchConfigurationType) -> ec2::RunInstancesRequest {
    let some_text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (by_id, by_name): (Vec<String>, Vec<String>) =
        asked.security_groups.iter().flatten().cloned().partition(|group| group.starts_with("sg-"));
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let profile = asked.iam_instance_profile.clone().map(|profile| {
        let is_arn = profile.starts_with("arn:");
        let (arn, name) = if is_arn { (Some(profile), None) } else { (None, Some(profile)) };
        ec2::IamInstanceProfileSpecification { arn, name }
    });
    let devices = asked.block_device_mappings.as_ref().map(|all| {
        let device = |one: &api::BlockDeviceMapping| ec2::BlockDeviceMapping {
            device_name: Some(one.device_name.clone()),
            virtual_name: one.virtual_name.clone(),
            no_device: (one.no_device == Some(true)).then(String::new),
            ebs: one.ebs.as_ref().map(|ebs| alike(ebs)),
        };
        all.iter().map(device).collect()
    });
    let spot = asked.spot_price.clone().map(|max_price| ec2::InstanceMarketOptionsRequest {
        market_type: Some("spot".to_owned()),
        spot_options: Some(ec2::SpotMarketOptions { max_price: Some(max_price), ..Default::default() }),
    });
    ec2::RunInstancesRequest {
        image_id: some_text(&asked.image_id),
        instance_type: some_text(&asked.instance_type),
        key_name: some_text(&asked.key_name),
        security_group_ids: some(by_id),
        security_groups: some(by_name),
        user_data: some_text(&asked.user_data),
        block_device_mappings: devices,
        monitoring: Some(ec2::RunInstancesMonitoringEnabled {
            enabled: asked.instance_monitoring.as_ref().and_then(|one| one.enabled).unwrap_or(true),
        }),
        instance_market_options: spot,
        iam_instance_profile: profile,
        ebs_optimized: asked.ebs_optimized.filter(|is_on| *is_on),
        metadata_options: asked.metadata_options.as_ref().map(|options| alike(options)),
        ..Default::default()
    }
}
