//! Of the contents: volumes, snapshots and images.

use api_ec2 as api;
use kernel::ServiceBuilder;

use super::{USAGE_EVERY_MS, any};
use crate::ops;

pub(super) fn volumes(s: &mut ServiceBuilder) {
    use crate::controllers::{snapshot as snapshots, volume as volumes};
    use ops::{
        encryption, snapshot, snapshot_copy, snapshot_set, snapshot_share, volume,
        volume_attachment as attachment, volume_modification as modification,
    };

    s.own(volumes::Turns::default());
    s.op(api::op::CreateVolume, volume::create_volume).access(|s, _| volume::access(s, None));
    s.op(api::op::DeleteVolume, volume::delete_volume).access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::DescribeVolumes, volume::describe_volumes).access(any);
    s.op(api::op::DescribeVolumeStatus, volume::describe_volume_status).access(any);
    s.op(api::op::AttachVolume, attachment::attach_volume)
        .access(|s, i| attachment::access(s, &i.volume_id, Some(&i.instance_id)));
    s.op(api::op::DetachVolume, attachment::detach_volume)
        .access(|s, i| attachment::access(s, &i.volume_id, i.instance_id.as_deref()));
    s.op(api::op::ModifyVolume, modification::modify_volume)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::DescribeVolumesModifications, modification::describe_volumes_modifications).access(any);
    s.op(api::op::DescribeVolumeAttribute, modification::describe_volume_attribute)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::ModifyVolumeAttribute, modification::modify_volume_attribute)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));

    s.op(api::op::EnableEbsEncryptionByDefault, encryption::enable_ebs_encryption_by_default).access(any);
    s.op(api::op::DisableEbsEncryptionByDefault, encryption::disable_ebs_encryption_by_default).access(any);
    s.op(api::op::GetEbsEncryptionByDefault, encryption::get_ebs_encryption_by_default).access(any);
    s.op(api::op::GetEbsDefaultKmsKeyId, encryption::get_ebs_default_kms_key_id).access(any);
    s.op(api::op::ModifyEbsDefaultKmsKeyId, encryption::modify_ebs_default_kms_key_id).access(any);
    s.op(api::op::ResetEbsDefaultKmsKeyId, encryption::reset_ebs_default_kms_key_id).access(any);

    s.op(api::op::CreateSnapshot, snapshot::create_snapshot).access(|s, _| snapshot::access(s, None));
    s.op(api::op::CopySnapshot, snapshot_copy::copy_snapshot).access(|s, _| snapshot::access(s, None));
    s.op(api::op::CreateSnapshots, snapshot_set::create_snapshots).access(snapshot_set::access);
    s.op(api::op::DeleteSnapshot, snapshot::delete_snapshot)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeSnapshots, snapshot::describe_snapshots).access(any);
    s.op(api::op::ModifySnapshotAttribute, snapshot_share::modify_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeSnapshotAttribute, snapshot_share::describe_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::ResetSnapshotAttribute, snapshot_share::reset_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));

    s.controller(
        volumes::CONTROLLER,
        volumes::CONCURRENCY,
        volumes::SWEEP_EVERY_MS,
        volumes::list,
        volumes::reconcile,
    );
    s.controller(
        snapshots::CONTROLLER,
        snapshots::CONCURRENCY,
        snapshots::SWEEP_EVERY_MS,
        snapshots::list,
        snapshots::reconcile,
    );
    s.sweep("ec2/volume-usage", USAGE_EVERY_MS, volumes::keep_books);
    s.on_open(volumes::open);
    s.on_reset(volumes::remove_all);
}

pub(super) fn images(s: &mut ServiceBuilder) {
    use ops::{image, image_copy, image_make as make, image_register, image_share as share};

    s.op(api::op::CreateImage, make::create_image).access(|s, _| make::access(s, None));
    s.op(api::op::CopyImage, image_copy::copy_image).access(|s, _| make::access(s, None));
    s.op(api::op::RegisterImage, image_register::register_image).access(|s, _| make::access(s, None));
    s.op(api::op::DeregisterImage, make::deregister_image).access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeImages, image::describe_images).access(any);
    s.op(api::op::ModifyImageAttribute, share::modify_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeImageAttribute, share::describe_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::ResetImageAttribute, share::reset_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
}
