//! The launch template that would make another instance like one there is.

use api_ec2 as api;

use super::{instance_profile, metadata_options, private_name};
use crate::rules::instance_view::View;
use crate::rules::reshape;
use crate::state::instance::OnShutdown;
use crate::state::network_interface::NetworkInterface;

pub fn data(view: &View) -> api::ResponseLaunchTemplateData {
    let instance = &view.instance;
    let mut metadata = api::LaunchTemplateInstanceMetadataOptions::default();
    reshape::fill(&mut metadata, &reshape::read(&metadata_options::shown(&instance.metadata)));
    metadata.state = None;
    let tags = super::tag::shown(&view.tags).map(|tags| {
        let specification = api::LaunchTemplateTagSpecification {
            resource_type: Some("instance".to_owned()),
            tags: Some(tags),
        };
        vec![specification]
    });
    let profile =
        instance.profile.as_ref().map(|profile| api::LaunchTemplateIamInstanceProfileSpecification {
            name: instance_profile::name(&profile.arn),
            ..Default::default()
        });
    api::ResponseLaunchTemplateData {
        image_id: Some(instance.image.to_string()),
        instance_type: Some(instance.instance_type.clone()),
        key_name: instance.key_name.clone(),
        user_data: instance.user_data.clone(),
        ebs_optimized: Some(instance.ebs_optimized),
        iam_instance_profile: profile,
        monitoring: Some(api::LaunchTemplatesMonitoring { enabled: Some(instance.monitoring) }),
        placement: Some(api::LaunchTemplatePlacement {
            availability_zone: Some(instance.zone.clone()),
            tenancy: Some(super::placement::tenancy(instance.place.tenancy).to_owned()),
            group_name: instance.place.group.as_ref().map(|(_, name)| name.clone()),
            ..Default::default()
        }),
        network_interfaces: Some(interfaces(view)),
        private_dns_name_options: Some(private_name::of_template(instance.names)),
        disable_api_termination: Some(instance.termination_protected),
        disable_api_stop: Some(instance.stop_protected),
        instance_initiated_shutdown_behavior: Some(match instance.on_shutdown {
            OnShutdown::Stop => "stop".to_owned(),
            OnShutdown::Terminate => "terminate".to_owned(),
        }),
        tag_specifications: tags,
        credit_specification: instance
            .cpu_credits
            .clone()
            .map(|cpu_credits| api::CreditSpecification { cpu_credits: Some(cpu_credits) }),
        metadata_options: Some(metadata),
        ..Default::default()
    }
}

/// New ones like those it has. Who launches with several asks for no public address.
fn interfaces(view: &View) -> Vec<api::LaunchTemplateInstanceNetworkInterfaceSpecification> {
    let is_only = view.further.is_empty();
    let show = |(interface, _): (&NetworkInterface, _)| {
        let held = interface.attachment.as_ref();
        api::LaunchTemplateInstanceNetworkInterfaceSpecification {
            device_index: held.map(|held| held.device_index),
            delete_on_termination: held.map(|held| held.delete_on_termination),
            associate_public_ip_address: is_only.then_some(interface.public_ip.is_some()),
            description: Some(interface.description.clone()),
            groups: Some(interface.groups.iter().map(ToString::to_string).collect()),
            subnet_id: Some(interface.subnet.to_string()),
            ..Default::default()
        }
    };
    view.interfaces().map(show).collect()
}
