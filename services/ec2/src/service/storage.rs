//! Of the contents: volumes, snapshots and images.

use api_ec2 as api;
use kernel::ServiceBuilder;

use super::{USAGE_EVERY_MS, any};
use crate::ops;

pub(super) fn volumes(s: &mut ServiceBuilder) {
    use crate::controllers::{fast_restore as restores, snapshot as snapshots, volume as volumes};
    use ops::{
        encryption, fast_restore, snapshot, snapshot_copy, snapshot_set, snapshot_share, volume,
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

    s.op(api::op::EnableFastSnapshotRestores, fast_restore::enable_fast_snapshot_restores)
        .access(|s, i| fast_restore::access(s, &i.source_snapshot_ids));
    s.op(api::op::DisableFastSnapshotRestores, fast_restore::disable_fast_snapshot_restores)
        .access(|s, i| fast_restore::access(s, &i.source_snapshot_ids));
    s.op(api::op::DescribeFastSnapshotRestores, fast_restore::describe_fast_snapshot_restores).access(any);
    s.controller(
        restores::CONTROLLER,
        restores::CONCURRENCY,
        restores::SWEEP_EVERY_MS,
        restores::list,
        restores::reconcile,
    );
    s.sweep("ec2/fast-restore-usage", USAGE_EVERY_MS, fast_restore::keep_books);

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
    tiers_and_locks(s);
    s.sweep("ec2/volume-usage", USAGE_EVERY_MS, volumes::keep_books);
    s.on_open(volumes::open);
    s.on_reset(volumes::remove_all);
}

/// Snapshots put away and kept from deletion, and what is shared with everybody.
fn tiers_and_locks(s: &mut ServiceBuilder) {
    use crate::controllers::snapshot_tier as tiers;
    use ops::{block_public_access as public, snapshot, snapshot_lock as lock, snapshot_tier as tier};

    s.op(api::op::ModifySnapshotTier, tier::modify_snapshot_tier)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::RestoreSnapshotTier, tier::restore_snapshot_tier)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeSnapshotTierStatus, tier::describe_snapshot_tier_status).access(any);
    s.controller(tiers::CONTROLLER, tiers::CONCURRENCY, tiers::SWEEP_EVERY_MS, tiers::list, tiers::reconcile);

    s.op(api::op::LockSnapshot, lock::lock_snapshot).access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::UnlockSnapshot, lock::unlock_snapshot)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeLockedSnapshots, lock::describe_locked_snapshots).access(any);

    s.op(api::op::EnableSnapshotBlockPublicAccess, public::enable_snapshot_block_public_access).access(any);
    s.op(api::op::DisableSnapshotBlockPublicAccess, public::disable_snapshot_block_public_access).access(any);
    s.op(api::op::GetSnapshotBlockPublicAccessState, public::get_snapshot_block_public_access_state)
        .access(any);
    s.op(api::op::EnableImageBlockPublicAccess, public::enable_image_block_public_access).access(any);
    s.op(api::op::DisableImageBlockPublicAccess, public::disable_image_block_public_access).access(any);
    s.op(api::op::GetImageBlockPublicAccessState, public::get_image_block_public_access_state).access(any);
}

/// Disks and images from elsewhere.
pub(super) fn imports(s: &mut ServiceBuilder) {
    use crate::controllers::import_task as imports;
    use ops::import_task as task;

    s.own(imports::Underway::default());
    s.op(api::op::ImportImage, task::import_image).access(|s, _| ops::image_make::access(s, None));
    s.op(api::op::ImportSnapshot, task::import_snapshot).access(|s, _| ops::snapshot::access(s, None));
    s.op(api::op::DescribeImportImageTasks, task::describe_import_image_tasks).access(any);
    s.op(api::op::DescribeImportSnapshotTasks, task::describe_import_snapshot_tasks).access(any);
    s.op(api::op::CancelImportTask, task::cancel_import_task)
        .access(|s, i| task::access(s, i.import_task_id.as_deref()));
    s.controller(
        imports::CONTROLLER,
        imports::CONCURRENCY,
        imports::SWEEP_EVERY_MS,
        imports::list,
        imports::reconcile,
    );
    s.sweep("ec2/imported-images", imports::BASES_EVERY_MS, imports::remove_bases);
}

/// Images as disks for elsewhere.
pub(super) fn exports(s: &mut ServiceBuilder) {
    use crate::controllers::export_task as exports;
    use ops::export_task as task;

    s.op(api::op::ExportImage, task::export_image)
        .access(|s, i| ops::image_make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeExportImageTasks, task::describe_export_image_tasks).access(any);
    s.op(api::op::CancelExportTask, task::cancel_export_task)
        .access(|s, i| task::access(s, &i.export_task_id));
    s.controller(
        exports::CONTROLLER,
        exports::CONCURRENCY,
        exports::SWEEP_EVERY_MS,
        exports::list,
        exports::reconcile,
    );
}

/// Images in S3.
pub(super) fn stored_images(s: &mut ServiceBuilder) {
    use crate::controllers::{image_restore as restores, image_store as stores};
    use ops::{image_make as make, image_restore as restore, image_store as store};

    s.own(stores::Progress::default());
    s.op(api::op::CreateStoreImageTask, store::create_store_image_task)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeStoreImageTasks, store::describe_store_image_tasks).access(any);
    s.op(api::op::CreateRestoreImageTask, restore::create_restore_image_task)
        .access(|s, _| make::access(s, None));
    s.controller(
        stores::CONTROLLER,
        stores::CONCURRENCY,
        stores::SWEEP_EVERY_MS,
        stores::list,
        stores::reconcile,
    );
    s.controller(
        restores::CONTROLLER,
        restores::CONCURRENCY,
        restores::SWEEP_EVERY_MS,
        restores::list,
        restores::reconcile,
    );
}

pub(super) fn images(s: &mut ServiceBuilder) {
    use ops::image_standing as standing;
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
    s.op(api::op::EnableImageDeprecation, standing::enable_image_deprecation)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DisableImageDeprecation, standing::disable_image_deprecation)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DisableImage, standing::disable_image).access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::EnableImage, standing::enable_image).access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::EnableImageDeregistrationProtection, standing::enable_image_deregistration_protection)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DisableImageDeregistrationProtection, standing::disable_image_deregistration_protection)
        .access(|s, i| make::access(s, Some(&i.image_id)));
}
