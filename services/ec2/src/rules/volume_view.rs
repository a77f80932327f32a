//! A volume as the API shows it.

use api_ec2 as api;
use kernel::Scope;
use shape::Timestamp;

use super::instance_view::View;
use super::region;
use super::tag::shown;
use super::volume::{attachment_state, state};
use crate::state::id::InstanceId;
use crate::state::tag::Tags;
use crate::state::volume::{Attachment, Modification, Volume};

pub fn number(of: u32) -> Option<i32> {
    i32::try_from(of).ok()
}

pub fn show(volume: &Volume, scope: &Scope, tags: Option<&Tags>) -> api::Volume {
    let attachments = volume.attachments.iter().map(|held| attachment(volume, held)).collect();
    api::Volume {
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &volume.zone)),
        iops: volume.shape.iops.and_then(number),
        tags: tags.and_then(shown),
        volume_type: Some(volume.shape.kind.clone()),
        multi_attach_enabled: Some(volume.shape.multi_attach),
        throughput: volume.shape.throughput.and_then(number),
        volume_id: Some(volume.id.to_string()),
        size: number(volume.observed.size_gib.unwrap_or(volume.shape.size_gib)),
        snapshot_id: Some(volume.snapshot.as_ref().map(ToString::to_string).unwrap_or_default()),
        availability_zone: Some(volume.zone.clone()),
        state: Some(state(volume).to_owned()),
        create_time: Some(Timestamp::from_millis(volume.created_at)),
        attachments: Some(attachments),
        fast_restored: Some(volume.fast_restored),
        encrypted: Some(volume.seal.is_some()),
        kms_key_id: volume.seal.as_ref().map(|seal| seal.key.clone()),
        ..Default::default()
    }
}

pub fn attachment(volume: &Volume, held: &Attachment) -> api::VolumeAttachment {
    api::VolumeAttachment {
        delete_on_termination: Some(held.delete_on_termination),
        volume_id: Some(volume.id.to_string()),
        instance_id: Some(held.instance.to_string()),
        device: Some(held.device.clone()),
        state: Some(attachment_state(held).to_owned()),
        attach_time: Some(Timestamp::from_millis(held.at)),
        ..Default::default()
    }
}

/// As an instance shows them.
pub fn mappings(view: &View) -> Vec<api::InstanceBlockDeviceMapping> {
    view.volumes.iter().filter_map(|volume| mapping(volume, &view.instance.id)).collect()
}

fn mapping(volume: &Volume, instance: &InstanceId) -> Option<api::InstanceBlockDeviceMapping> {
    let held = volume.held_by(instance)?;
    Some(api::InstanceBlockDeviceMapping {
        device_name: Some(held.device.clone()),
        ebs: Some(api::EbsInstanceBlockDevice {
            attach_time: Some(Timestamp::from_millis(held.at)),
            delete_on_termination: Some(held.delete_on_termination),
            status: Some(attachment_state(held).to_owned()),
            volume_id: Some(volume.id.to_string()),
            ..Default::default()
        }),
    })
}

pub fn modification(volume: &Volume, change: &Modification) -> api::VolumeModification {
    let (before, after) = (&change.before, &volume.shape);
    api::VolumeModification {
        volume_id: Some(volume.id.to_string()),
        modification_state: Some(modification_state(change).to_owned()),
        target_size: number(after.size_gib),
        target_iops: after.iops.and_then(number),
        target_volume_type: Some(after.kind.clone()),
        target_throughput: after.throughput.and_then(number),
        target_multi_attach_enabled: Some(after.multi_attach),
        original_size: number(before.size_gib),
        original_iops: before.iops.and_then(number),
        original_volume_type: Some(before.kind.clone()),
        original_throughput: before.throughput.and_then(number),
        original_multi_attach_enabled: Some(before.multi_attach),
        progress: Some(if change.ended_at.is_some() { 100 } else { 0 }),
        start_time: Some(Timestamp::from_millis(change.started_at)),
        end_time: change.ended_at.map(Timestamp::from_millis),
        ..Default::default()
    }
}

pub fn modification_state(change: &Modification) -> &'static str {
    if change.ended_at.is_some() { "completed" } else { "modifying" }
}
