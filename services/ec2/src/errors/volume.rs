//! Volumes.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{combination, invalid_parameter_value, malformed};
use crate::state::id::VolumeId;

pub fn volume_not_found(id: impl Display) -> Error {
    Error::new(Kind::NotFound, "InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

pub fn volume_malformed(text: &str) -> Error {
    malformed::<VolumeId>("InvalidVolumeID.Malformed", text)
}

pub fn volume_size(size: i64, kind: &str, (min, max): (u32, u32)) -> Error {
    let message = format!(
        "Volume of {size}GiB is invalid for volume type '{kind}'; it must be between {min} and {max} GiB."
    );
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn volume_type_unknown(kind: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "UnknownVolumeType",
        format!("Unsupported volume type '{kind}' for volume creation."),
    )
}

pub fn volume_without_size() -> Error {
    let message = "The request must contain the parameter size or snapshotId";
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn iops_not_for(kind: &str) -> Error {
    let message = format!("The parameter iops is not supported for {kind} volumes.");
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

pub fn throughput_not_for(kind: &str) -> Error {
    let message = format!("The parameter throughput is not supported for {kind} volumes.");
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

pub fn iops_missing(kind: &str) -> Error {
    let message = format!("The parameter iops must be specified for {kind} volumes.");
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn iops_out_of_range(iops: i64, kind: &str, (min, max): (u32, u32)) -> Error {
    let message =
        format!("Volume iops of {iops} is invalid for {kind} volumes; it must be between {min} and {max}.");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn iops_ratio(kind: &str, ratio: u32) -> Error {
    let message = format!("Iops to volume size ratio is too high; maximum is {ratio} for {kind} volumes.");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn throughput_out_of_range(throughput: i64) -> Error {
    let message = format!(
        "Throughput of {throughput} MiB/s is invalid; it must be between 125 and 2000 MiB/s, and at most 0.25 MiB/s per iops."
    );
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn volume_smaller_than_snapshot(size: u32, snapshot: impl Display) -> Error {
    let message = format!("Volume of size {size}GB is smaller than snapshot '{snapshot}'.");
    Error::new(Kind::Invalid, "InvalidBlockDeviceMapping", message)
}

pub fn volume_in_use(volume: impl Display, instance: impl Display) -> Error {
    Error::new(Kind::Conflict, "VolumeInUse", format!("Volume {volume} is currently attached to {instance}"))
}

pub fn already_attached(volume: impl Display) -> Error {
    Error::new(Kind::Conflict, "VolumeInUse", format!("{volume} is already attached to an instance"))
}

pub fn too_many_attachments(volume: impl Display, most: usize) -> Error {
    let message = format!("The volume {volume} is attached to {most} instances, which is the most.");
    Error::new(Kind::Limit, "AttachmentLimitExceeded", message)
}

pub fn multi_attach_not_for(kind: &str) -> Error {
    combination(format!("The parameter MultiAttachEnabled is not supported for {kind} volumes."))
}

pub fn multi_attach_root(volume: impl Display) -> Error {
    invalid_parameter_value(format!(
        "The volume {volume} is for several instances and cannot be a root device."
    ))
}

pub fn multi_attach_change(kind: &str) -> Error {
    combination(format!("Multi-Attach can be enabled or disabled for io2 volumes only, not for {kind}."))
}

pub fn multi_attach_held(volume: impl Display) -> Error {
    let message = format!("Multi-Attach of the volume {volume} cannot be changed while it is attached so.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn multi_attach_shape(volume: impl Display) -> Error {
    let message = format!("The volume {volume} has Multi-Attach enabled and cannot be modified so.");
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn volume_not_available(volume: impl Display) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("Volume '{volume}' is not 'available'."))
}

pub fn volume_not_attached(volume: impl Display) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("Volume '{volume}' is in the 'available' state."))
}

pub fn not_attached_there(volume: impl Display, instance: impl Display) -> Error {
    let message = format!("The volume '{volume}' is not attached to instance '{instance}'.");
    Error::new(Kind::NotFound, "InvalidAttachment.NotFound", message)
}

pub fn root_of_running(volume: impl Display, instance: impl Display) -> Error {
    let message = format!("Unable to detach root volume '{volume}' from instance '{instance}'");
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn zones_differ(volume: impl Display, instance: impl Display) -> Error {
    let message =
        format!("The volume '{volume}' is not in the same availability zone as instance '{instance}'");
    Error::new(Kind::Invalid, "InvalidVolume.ZoneMismatch", message)
}

pub fn instance_not_ready(instance: impl Display) -> Error {
    let message = format!("Instance '{instance}' is not 'running'.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn device_invalid(device: &str) -> Error {
    let message =
        format!("Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name.");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn device_in_use(device: &str) -> Error {
    let message =
        format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn device_mapping(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidBlockDeviceMapping", message)
}

pub fn modification_running(volume: impl Display) -> Error {
    let message = format!("Volume {volume} is already being modified.");
    Error::new(Kind::Conflict, "IncorrectModificationState", message)
}

pub fn modification_unknown(volume: impl Display) -> Error {
    let message = format!("Modification for volume '{volume}' does not exist.");
    Error::new(Kind::NotFound, "InvalidVolumeModification.NotFound", message)
}

pub fn cannot_shrink() -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", "New size cannot be smaller than existing size")
}

pub fn not_for_boot(kind: &str) -> Error {
    let message = format!("The volume type '{kind}' cannot be used as a boot volume.");
    Error::new(Kind::Invalid, "BootForVolumeTypeUnsupported", message)
}

pub fn volume_storage_limit(kind: &str, most_tib: u32) -> Error {
    let message =
        format!("You have exceeded your maximum {kind} storage limit of {most_tib} TiB in this region.");
    Error::new(Kind::Limit, "VolumeLimitExceeded", message)
}

pub fn iops_limit(kind: &str, most: u32) -> Error {
    let message = format!("You have exceeded your maximum {kind} iops limit of {most} in this region.");
    Error::new(Kind::Limit, "MaxIOPSLimitExceeded", message)
}
