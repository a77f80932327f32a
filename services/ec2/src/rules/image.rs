//! The images this cloud comes with, the same in every region and account.

use crate::state::id::{Id, ImageId};

/// The owner of images that come with the cloud, and its alias: AWS's own account for public images.
pub const OWNER: &str = "801119661308";
pub const OWNER_ALIAS: &str = "amazon";
/// Every name by which AWS's own accounts go.
pub const OWNER_ALIASES: [&str; 3] = [OWNER_ALIAS, "aws-backup-vault", "aws-marketplace"];
/// 2026-01-01: a fixed date, for the ids are fixed too.
pub const CREATED: &str = "2026-01-01T00:00:00.000Z";
pub const ROOT_DEVICE: &str = "/dev/sda1";
/// The size a root volume is said to have when a launch does not say.
pub const ROOT_SIZE_GIB: u32 = 8;

/// An image that is part of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    id: &'static str,
    /// What the engine calls it.
    pub engine: &'static str,
    pub name: &'static str,
    pub description: &'static str,
}

const ALL: [Image; 2] = [
    Image {
        id: "ami-0c100d1e700000001",
        engine: "host",
        name: "host",
        description: "The programs of this host under a fresh /etc, /var and /home",
    },
    Image {
        id: "ami-0c100d1e700000012",
        engine: "debian-12",
        name: "debian-12",
        description: "Debian 12 with systemd, cloud-init and sshd",
    },
];

impl Image {
    pub fn id(&self) -> ImageId {
        ImageId::parse(self.id).expect("the ids above are well formed")
    }
}

/// The architecture of the host, in EC2's word: images here are of no other.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// In the order of their ids.
pub fn all() -> &'static [Image] {
    &ALL
}

pub fn find(id: &ImageId) -> Option<&'static Image> {
    ALL.iter().find(|image| image.id == id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_ids() {
        for image in all() {
            assert_eq!(find(&image.id()), Some(image));
        }
    }
}
