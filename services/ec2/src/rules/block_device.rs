//! The volumes a launch asks for, over those its image begins with.

use api_ec2::BlockDeviceMapping;
use kernel::Result;

use super::encryption::Wanted;
use super::volume::{Asked, check_device};
use crate::errors;
use crate::state::encryption::Seal;
use crate::state::id::{Id, SnapshotId, VolumeId};

/// What a request says of one device.
#[derive(Clone, Debug, Default)]
pub struct DeviceWish {
    pub device: String,
    pub snapshot: Option<SnapshotId>,
    pub asked: Asked,
    pub delete_on_termination: Option<bool>,
    /// The image's device of this name is left out.
    pub left_out: bool,
    pub encryption: Wanted,
    /// Ids and keys for the volumes that are to be encrypted anew, one per instance.
    pub seals: Vec<(VolumeId, Seal)>,
}

/// # Errors
/// `InvalidBlockDeviceMapping`, and what a single device is refused for.
pub fn check(given: Option<Vec<BlockDeviceMapping>>) -> Result<Vec<DeviceWish>> {
    let mut wishes: Vec<DeviceWish> = Vec::new();
    for mapping in given.unwrap_or_default() {
        let device = mapping.device_name.filter(|name| !name.is_empty());
        let device = device.ok_or_else(|| errors::missing("BlockDeviceMapping.DeviceName"))?;
        check_device(&device)?;
        if wishes.iter().any(|wish| wish.device == device) {
            return Err(errors::device_mapping(format!(
                "The device '{device}' is used in more than one block-device mapping"
            )));
        }
        if mapping.virtual_name.is_some() {
            return Err(errors::unsupported("An instance store volume"));
        }
        let left_out = mapping.no_device.is_some();
        let ebs = mapping.ebs.unwrap_or_default();
        let snapshot = ebs.snapshot_id.filter(|id| !id.is_empty());
        let snapshot =
            snapshot.map(|text| SnapshotId::parse(&text).ok_or_else(|| errors::snapshot_malformed(&text)));
        wishes.push(DeviceWish {
            device,
            snapshot: snapshot.transpose()?,
            asked: Asked {
                size_gib: ebs.volume_size,
                kind: ebs.volume_type,
                iops: ebs.iops,
                throughput: ebs.throughput,
                multi_attach: false,
            },
            delete_on_termination: ebs.delete_on_termination,
            left_out,
            encryption: Wanted::new(ebs.encrypted, ebs.kms_key_id),
            seals: Vec::new(),
        });
    }
    Ok(wishes)
}

/// # Errors
/// Where a wish says how to encrypt, and nobody can: what an image is made of is as it is.
pub fn check_unencrypted(wishes: &[DeviceWish]) -> Result<()> {
    match wishes.iter().all(|wish| wish.encryption.is_silent()) {
        true => Ok(()),
        false => Err(errors::encryption_not_here()),
    }
}

/// # Errors
/// When what a request leaves out is the root: nothing runs without one.
pub fn check_can_go(device: &str, is_root: bool) -> Result<()> {
    if !is_root {
        return Ok(());
    }
    Err(errors::device_mapping(format!("The root device '{device}' cannot be left out.")))
}

/// The names under which a client may mean the root volume.
const ROOT_NAMES: [&str; 2] = ["/dev/sda1", "/dev/xvda"];

/// Whether a request's name stands for the image's root device.
pub fn is_root(device: &str, root: &str) -> bool {
    device == root || ROOT_NAMES.contains(&device) && ROOT_NAMES.contains(&root)
}
