//! Reading and changing what an instance is.

use api_ec2 as api;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Result, Scope, Tx};

use super::capacity::check_size;
use super::cpu_credits;
use super::instance::{check_id, get, view};
use super::page::check_dry_run;
use crate::controllers::network;
use crate::errors;
use crate::rules::instance::State;
use crate::rules::instance_attribute::{self as rules, Change, Device};
use crate::rules::instance_view::View;
use crate::rules::metadata_options;
use crate::rules::volume_view;
use crate::state::instance::{self, Instance, OnShutdown};
use crate::state::network_interface::{self, NetworkInterface};
use crate::state::volume::{self, Volume};

pub async fn describe_instance_attribute(
    ctx: &Ctx,
    input: api::DescribeInstanceAttributeRequest,
) -> Result<api::InstanceAttribute> {
    let id = check_id(&input.instance_id)?;
    let scope = *ctx.scope();
    let view = ctx
        .read(|snap| {
            let instance = get(snap, &scope, &id)?;
            view(snap, &scope, instance)
        })
        .await?;
    check_dry_run(input.dry_run)?;
    show(&view, &input.attribute)
}

fn text(value: impl Into<String>) -> Option<api::AttributeValue> {
    Some(api::AttributeValue { value: Some(value.into()) })
}

fn show(view: &View, attribute: &str) -> Result<api::InstanceAttribute> {
    let instance = &view.instance;
    let is = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    let none = Some(api::AttributeValue::default());
    let mut output =
        api::InstanceAttribute { instance_id: Some(instance.id.to_string()), ..Default::default() };
    match attribute {
        "instanceType" => output.instance_type = text(&instance.instance_type),
        "kernel" => output.kernel_id = none,
        "ramdisk" => output.ramdisk_id = none,
        "sriovNetSupport" => output.sriov_net_support = none,
        "userData" => output.user_data = Some(api::AttributeValue { value: instance.user_data.clone() }),
        "disableApiTermination" => output.disable_api_termination = is(instance.termination_protected),
        "disableApiStop" => output.disable_api_stop = is(instance.stop_protected),
        "instanceInitiatedShutdownBehavior" => {
            output.instance_initiated_shutdown_behavior = text(match instance.on_shutdown {
                OnShutdown::Stop => "stop",
                OnShutdown::Terminate => "terminate",
            });
        }
        "rootDeviceName" => output.root_device_name = text(view.root_device().as_str()),
        "blockDeviceMapping" => {
            output.block_device_mappings = Some(volume_view::mappings(view));
        }
        "productCodes" => output.product_codes = Some(Vec::new()),
        "sourceDestCheck" => {
            output.source_dest_check = is(view.interface.as_ref().is_none_or(|it| !it.forwards));
        }
        "groupSet" => output.groups = Some(view.groups()),
        "ebsOptimized" => output.ebs_optimized = is(instance.ebs_optimized),
        "enaSupport" => output.ena_support = is(true),
        "enclaveOptions" => output.enclave_options = Some(api::EnclaveOptions { enabled: Some(false) }),
        other => return Err(errors::invalid_value(other, "attribute")),
    }
    Ok(output)
}

pub async fn modify_instance_attribute(ctx: &Ctx, input: api::ModifyInstanceAttributeRequest) -> Result<()> {
    let id = check_id(&input.instance_id)?;
    let dry_run = input.dry_run;
    let change = rules::check(input)?;
    if let Change::InstanceType(size) = &change {
        check_size(ctx, size)?;
    }
    let scope = *ctx.scope();
    let interface = ctx
        .write(|tx| {
            let instance = get(tx, &scope, &id)?;
            match instance.state() {
                State::Terminated | State::ShuttingDown => return Err(errors::is_terminated(&id)),
                State::Stopped => {}
                _ if change.needs_stop() => return Err(errors::must_be_stopped(&id)),
                _ => {}
            }
            check_dry_run(dry_run)?;
            if matches!(change, Change::Groups(_) | Change::SourceCheck(_)) {
                return change_interface(tx, &scope, &instance, &change).map(Some);
            }
            if let Change::Devices(devices) = &change {
                change_devices(tx, &scope, &instance, devices)?;
                return Ok(None);
            }
            let default = match &change {
                Change::InstanceType(size) => cpu_credits::default_of(tx, &scope, size.name)?,
                _ => None,
            };
            instance::update(tx, &scope, &id, |instance| {
                match &change {
                    Change::InstanceType(size) => {
                        instance.instance_type = size.name.to_owned();
                        instance.cpu_credits =
                            instance.cpu_credits.take().filter(|_| size.is_burstable()).or(default.clone());
                    }
                    Change::UserData(data) => instance.user_data = Some(STANDARD.encode(data)),
                    Change::TerminationProtected(is) => instance.termination_protected = *is,
                    Change::StopProtected(is) => instance.stop_protected = *is,
                    Change::OnShutdown(behavior) => instance.on_shutdown = *behavior,
                    Change::EbsOptimized(is) => instance.ebs_optimized = *is,
                    Change::Groups(_) | Change::SourceCheck(_) | Change::Devices(_) => {}
                }
                Ok(())
            })?;
            Ok(None)
        })
        .await?;
    // In force when the answer is given, where it has a nic at all.
    match interface {
        Some(interface) => network::adapt_interface(ctx, &interface).await,
        None => Ok(()),
    }
}

fn change_devices(tx: &mut Tx<'_, '_>, scope: &Scope, instance: &Instance, devices: &[Device]) -> Result<()> {
    for device in devices {
        let is_it = |volume: &Volume| {
            volume.held_by(&instance.id).is_some_and(|held| held.device == device.name)
                && device.volume.as_ref().is_none_or(|wanted| volume.id.to_string() == *wanted)
        };
        let found = volume::of_instance(tx, scope, &instance.id)?.into_iter().find(is_it);
        let mut found = found.ok_or_else(|| errors::no_such_device(&device.name))?;
        if let Some(held) = found.held_by_mut(&instance.id) {
            held.delete_on_termination = device.delete_on_termination;
        }
        volume::put(tx, scope, &found)?;
    }
    Ok(())
}

/// What an instance says in place of its only interface.
fn change_interface(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    instance: &Instance,
    change: &Change,
) -> Result<NetworkInterface> {
    if !network_interface::further_of(tx, scope, &instance.id)?.is_empty() {
        return Err(errors::several_interfaces(&instance.id));
    }
    if let Change::Groups(groups) = change {
        return network_interface::put_groups(tx, scope, &instance.interface, groups.clone());
    }
    let mut interface = network_interface::get(tx, scope, &instance.interface)?;
    interface.forwards = *change == Change::SourceCheck(false);
    network_interface::put(tx, scope, &interface)?;
    Ok(interface)
}

pub async fn modify_instance_metadata_options(
    ctx: &Ctx,
    input: api::ModifyInstanceMetadataOptionsRequest,
) -> Result<api::ModifyInstanceMetadataOptionsResult> {
    let id = check_id(&input.instance_id)?;
    let scope = *ctx.scope();
    let options = ctx
        .write(|tx| {
            let instance = get(tx, &scope, &id)?;
            if matches!(instance.state(), State::Terminated | State::ShuttingDown) {
                return Err(errors::is_terminated(&id));
            }
            let options = metadata_options::modified(instance.metadata, &input)?;
            check_dry_run(input.dry_run)?;
            instance::update(tx, &scope, &id, |instance| {
                instance.metadata = options.clone();
                Ok(())
            })?;
            Ok(options)
        })
        .await?;
    Ok(api::ModifyInstanceMetadataOptionsResult {
        instance_id: Some(id.to_string()),
        instance_metadata_options: Some(metadata_options::shown(&options)),
    })
}
