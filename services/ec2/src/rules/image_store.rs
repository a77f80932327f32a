//! A stored image: what its object in S3 begins with, how the blocks of its snapshots follow, and what is told of both (EC2
//! user guide, "Store and restore an AMI using Amazon S3").
//!
//! An object is [`MAGIC`], the head behind its length, then the blocks of one snapshot after the other, each behind its
//! index, its length and its SHA-256. Numbers are big-endian, and have four bytes.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use block::{BLOCK_BYTES, PACKED_BYTES_MAX};
use bytes::{BufMut, Bytes, BytesMut};
use kernel::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use super::image as builtin;
use super::instant;
use super::volume::{Asked, check, check_device};
use crate::errors;
use crate::state::image::{Image, ImageDevice};
use crate::state::image_store::StoreTask;
use crate::state::tag::Tags;
use crate::state::volume::Shape;

/// What an object begins with: its format, and its version.
pub const MAGIC: &[u8; 8] = b"ami\0\0\0\0\x01";
/// Of a head, which has a line for each device and tag.
pub const HEAD_BYTES_MAX: usize = 1 << 20;
/// Index, length and sum.
pub const FRAME_BYTES: usize = 4 + 4 + 32;
/// What is under way at once, of an account in a region: further tasks wait for it.
pub const STORING_GIB_MAX: u64 = 1_200;
pub const RESTORING_GIB_MAX: u64 = 600;
/// Of one image.
pub const IMAGE_GIB_MAX: u64 = 5_000;
/// What a head names as base where it brings the files itself.
pub const FILES: &str = "files";
const GIB: u64 = 1 << 30;
const DEVICES_MAX: usize = 40;
const DESCRIPTION_CHARS_MAX: usize = 255;
/// Of an object in S3.
const OBJECT_TAGS_MAX: usize = 10;
/// Of a description, where it stands beside the object: all of that are 2 KiB at most.
const METADATA_CHARS_MAX: usize = 1_024;

/// All of an image but its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub name: String,
    pub description: String,
    pub architecture: String,
    /// The engine's image whose files the root lies over: one that every cloud has, or [`FILES`].
    pub base: String,
    /// Those files as a file system, where not every cloud has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Disk>,
    pub root_device: String,
    pub tags: Tags,
    /// The root first.
    pub devices: Vec<Device>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub device: String,
    pub shape: Shape,
    pub delete_on_termination: bool,
    /// An empty volume without one.
    pub disk: Option<Disk>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub size_gib: u32,
    pub description: String,
    pub tags: Tags,
    /// That are not zeros; known when they are all in the store.
    pub blocks: u64,
}

impl Head {
    /// Of an image, without its snapshots.
    pub fn new(image: &Image, tags: Tags) -> Self {
        let device = |device: &ImageDevice| Device {
            device: device.device.clone(),
            shape: device.shape.clone(),
            delete_on_termination: device.delete_on_termination,
            disk: None,
        };
        Self {
            name: image.name.clone(),
            description: image.description.clone(),
            architecture: builtin::architecture().to_owned(),
            base: image.base.clone(),
            files: None,
            root_device: image.root_device.clone(),
            tags,
            devices: image.devices.iter().map(device).collect(),
        }
    }

    /// Has the head bring the files of its base, which take so many bytes.
    pub fn bring_files(&mut self, bytes: u64) {
        // Small files need more than they hold; what nobody writes is not stored.
        let size_gib = bytes.saturating_mul(2).div_ceil(GIB).saturating_add(1);
        self.base = FILES.to_owned();
        self.files = Some(Disk {
            size_gib: u32::try_from(size_gib).unwrap_or(u32::MAX),
            description: String::new(),
            tags: Tags::new(),
            blocks: 0,
        });
    }

    /// All that follows the head: the files below the root, where they do, then the snapshots.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.files.iter().chain(self.snapshots())
    }

    pub fn disks_mut(&mut self) -> impl Iterator<Item = &mut Disk> {
        self.files.iter_mut().chain(self.devices.iter_mut().filter_map(|device| device.disk.as_mut()))
    }

    pub fn snapshots(&self) -> impl Iterator<Item = &Disk> {
        self.devices.iter().filter_map(|device| device.disk.as_ref())
    }

    /// How much there is to do, at least one.
    pub fn size_gib(&self) -> u64 {
        self.disks().map(|disk| u64::from(disk.size_gib)).sum::<u64>().max(1)
    }

    pub fn blocks(&self) -> u64 {
        self.disks().map(|disk| disk.blocks).sum()
    }

    /// What an object begins with.
    ///
    /// # Errors
    /// When the head is too long.
    pub fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self).map_err(Error::internal)?;
        let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= HEAD_BYTES_MAX);
        let length = length.ok_or_else(|| errors::invalid_parameter_value("The image has too many tags."))?;
        let mut bytes = BytesMut::with_capacity(MAGIC.len() + 4 + text.len());
        bytes.put_slice(MAGIC);
        bytes.put_u32(length);
        bytes.put_slice(&text);
        Ok(bytes.freeze())
    }

    /// Reads a head, and checks all that is made of it: whoever may write the object may have written anything.
    ///
    /// # Errors
    /// `InvalidParameterValue`, saying what is wrong.
    pub fn decode(text: &[u8]) -> Result<Self> {
        let head: Self = serde_json::from_slice(text).map_err(|_| errors::stored_image_unreadable())?;
        let has_known_base = match &head.files {
            None => builtin::all().iter().any(|image| image.engine == head.base),
            Some(files) => {
                head.base == FILES
                    && u64::from(files.size_gib) <= IMAGE_GIB_MAX
                    && holds(files, files.size_gib)
            }
        };
        let has_root = head.devices.first().is_some_and(|root| root.device == head.root_device);
        if !has_root || !has_known_base || head.devices.len() > DEVICES_MAX {
            return Err(errors::stored_image_unreadable());
        }
        if head.architecture != builtin::architecture() {
            return Err(errors::stored_image_elsewhere(&head.architecture));
        }
        check_tags(&head.tags)?;
        if head.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(errors::stored_image_unreadable());
        }
        for (index, device) in head.devices.iter().enumerate() {
            let is_twice = head.devices.iter().take(index).any(|other| other.device == device.device);
            check_device(&device.device)?;
            check_shape(&device.shape)?;
            if is_twice || !device.disk.as_ref().is_none_or(|disk| holds(disk, device.shape.size_gib)) {
                return Err(errors::stored_image_unreadable());
            }
            device.disk.as_ref().map_or(Ok(()), |disk| check_tags(&disk.tags))?;
        }
        Ok(head)
    }
}

/// Whether a disk can be, and has room in a volume of so many GiB.
fn holds(disk: &Disk, volume_gib: u32) -> bool {
    let most = u64::from(disk.size_gib) * GIB / BLOCK_BYTES;
    let is_short = disk.description.chars().count() <= DESCRIPTION_CHARS_MAX;
    (1..=volume_gib).contains(&disk.size_gib) && disk.blocks <= most && is_short
}

fn check_tags(tags: &Tags) -> Result<()> {
    super::tag::check(shown(tags)).map(drop)
}

fn shown(tags: &Tags) -> Vec<api_ec2::Tag> {
    super::tag::shown(tags).unwrap_or_default()
}

/// # Errors
/// For rates and sizes that no volume of its type has.
fn check_shape(shape: &Shape) -> Result<()> {
    let number = |value: u32| i32::try_from(value).ok();
    let has_rates = matches!(shape.kind.as_str(), "gp3" | "io1" | "io2");
    let asked = Asked {
        size_gib: number(shape.size_gib),
        kind: Some(shape.kind.clone()),
        iops: shape.iops.filter(|_| has_rates).and_then(number),
        throughput: shape.throughput.and_then(number),
        multi_attach: false,
    };
    check(&asked, None).map(drop)
}

/// What stands before a block.
pub fn frame(index: u32, packed: Bytes) -> Result<Bytes> {
    let length = u32::try_from(packed.len()).map_err(Error::internal)?;
    let mut bytes = BytesMut::with_capacity(FRAME_BYTES + packed.len());
    bytes.put_u32(index);
    bytes.put_u32(length);
    bytes.put_slice(digest(&SHA256, &packed).as_ref());
    bytes.put(packed);
    Ok(bytes.freeze())
}

/// What is said of the block that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed {
    pub index: u32,
    pub length: usize,
    sum: [u8; 32],
}

impl Framed {
    /// `None` for what cannot stand before a block of this disk.
    pub fn read(bytes: &[u8], disk: &Disk) -> Option<Self> {
        let (index, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (index, length) = (u32::from_be_bytes(*index), u32::from_be_bytes(*length));
        let fits = u64::from(index) < u64::from(disk.size_gib) * GIB / BLOCK_BYTES;
        let is_block = fits && u64::from(length) <= PACKED_BYTES_MAX;
        let length = usize::try_from(length).ok()?;
        is_block.then_some(Self { index, length, sum: rest.try_into().ok()? })
    }

    /// Whether these are the bytes it speaks of.
    pub fn is_of(&self, packed: &[u8]) -> bool {
        digest(&SHA256, packed).as_ref() == self.sum
    }
}

/// The object's key.
pub fn key(image: &str) -> String {
    format!("{image}.bin")
}

/// What AWS documents to stand beside the object. Of names in other alphabets, headers bear only what is ASCII.
pub fn metadata(image: &Image, owner: &str, now: kernel::Millis) -> BTreeMap<String, String> {
    let ascii = |text: &str| -> String {
        let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        text.chars().take(METADATA_CHARS_MAX).map(plain).collect()
    };
    [
        ("ami-name", ascii(&image.name)),
        ("ami-description", ascii(&image.description)),
        ("ami-registration-date", instant::iso_millis(image.created_at)),
        ("ami-owner-account", owner.to_owned()),
        ("ami-store-date", instant::iso_millis(now)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Tags for the object, as S3 takes them in a header.
///
/// # Errors
/// When one has no key, two have the same, or there are too many.
pub fn object_tags(given: Option<Vec<api_ec2::S3ObjectTag>>) -> Result<Option<String>> {
    let given = given.unwrap_or_default();
    let tag = |tag: api_ec2::S3ObjectTag| api_ec2::Tag { key: tag.key, value: tag.value };
    if given.len() > OBJECT_TAGS_MAX {
        return Err(errors::invalid_because(given.len(), "S3ObjectTags", "An object has 10 tags at most."));
    }
    let tags = super::tag::check(given.into_iter().map(tag).collect())?;
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&tags).finish();
    Ok((!tags.is_empty()).then_some(text))
}

/// `InProgress`, `Completed` or `Failed`.
pub fn state(task: &StoreTask) -> &'static str {
    match &task.ended {
        None => "InProgress",
        Some(ended) if ended.failure.is_none() => "Completed",
        Some(_) => "Failed",
    }
}

/// In hundredths; all of them only at its end.
pub fn progress(done: u64, of: u64) -> i32 {
    let share = done.min(of).saturating_mul(100).checked_div(of).unwrap_or(0);
    i32::try_from(share.min(99)).unwrap_or(99)
}

/// A refusal of S3, as EC2 tells it.
pub fn of_s3(refusal: Error) -> Error {
    match refusal.kind() {
        Kind::Denied => errors::bucket_denied(refusal.message()),
        Kind::Internal | Kind::Unavailable | Kind::Throttled => refusal,
        _ => errors::bucket_unusable(refusal.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let shape = check(&Asked::default(), Some(2)).unwrap();
        let disk = Disk { size_gib: 1, description: String::new(), tags: Tags::new(), blocks: 3 };
        Head {
            name: "web".to_owned(),
            description: "a web server".to_owned(),
            architecture: builtin::architecture().to_owned(),
            base: "host".to_owned(),
            files: None,
            root_device: "/dev/sda1".to_owned(),
            tags: Tags::from([("k".to_owned(), "v".to_owned())]),
            devices: vec![Device {
                device: "/dev/sda1".to_owned(),
                shape,
                delete_on_termination: true,
                disk: Some(disk),
            }],
        }
    }

    fn text(head: &Head) -> Vec<u8> {
        serde_json::to_vec(head).unwrap()
    }

    #[test]
    fn a_head_reads_back() {
        let bytes = head().encode().unwrap();
        assert!(bytes.starts_with(MAGIC));
        assert_eq!(Head::decode(&bytes[12..]).unwrap(), head());
        assert_eq!(bytes[8..12], u32::try_from(bytes.len() - 12).unwrap().to_be_bytes());
        assert_eq!((head().size_gib(), head().blocks()), (1, 3));
    }

    #[test]
    fn a_head_may_bring_the_files_below_its_root() {
        let mut brings = head();
        brings.bring_files(3 << 30);
        let bytes = brings.encode().unwrap();
        assert_eq!(Head::decode(&bytes[12..]).unwrap(), brings);
        assert_eq!((brings.size_gib(), brings.disks().count(), brings.snapshots().count()), (8, 2, 1));
        brings.files.as_mut().unwrap().size_gib = 0;
        assert!(Head::decode(&text(&brings)).is_err());
        brings.files = None;
        assert!(Head::decode(&text(&brings)).is_err(), "they are named, and not there");
    }

    #[test]
    fn a_head_that_somebody_made_up_is_refused() {
        let change = |change: &dyn Fn(&mut Head)| {
            let mut head = head();
            change(&mut head);
            Head::decode(&text(&head)).unwrap_err().code().to_owned()
        };
        let wrong = "InvalidParameterValue";
        assert_eq!(change(&|head| head.base = "oci-theirs".to_owned()), wrong);
        assert_eq!(change(&|head| head.architecture = "s390x".to_owned()), wrong);
        assert_eq!(change(&|head| head.devices.clear()), wrong);
        assert_eq!(change(&|head| head.root_device = "/dev/sdf".to_owned()), wrong);
        assert_eq!(change(&|head| head.devices.push(head.devices[0].clone())), wrong);
        assert_eq!(change(&|head| head.devices[0].shape.size_gib = 1 << 30), wrong);
        assert_eq!(change(&|head| head.devices[0].disk.as_mut().unwrap().size_gib = 9), wrong);
        assert_eq!(change(&|head| head.devices[0].disk.as_mut().unwrap().blocks = 1 << 40), wrong);
        assert!(Head::decode(b"{}").is_err());
        let reserved = change(&|head| head.tags = Tags::from([("aws:x".to_owned(), String::new())]));
        assert_eq!(reserved, wrong);
    }

    #[test]
    fn frames_tell_which_block_of_a_disk_follows() {
        let disk = head().devices[0].disk.clone().unwrap();
        let whole = frame(7, Bytes::from_static(b"packed")).unwrap();
        let framed = Framed::read(&whole[..FRAME_BYTES], &disk).unwrap();
        assert_eq!((framed.index, framed.length), (7, 6));
        assert!(framed.is_of(b"packed") && !framed.is_of(b"paCked"));
        let behind = frame(2_048, Bytes::new()).unwrap();
        assert_eq!(Framed::read(&behind, &disk), None, "behind the disk's end");
        let mut long = whole[..FRAME_BYTES].to_vec();
        long[4..8].fill(255);
        assert_eq!(Framed::read(&long, &disk), None);
    }

    #[test]
    fn tags_of_objects_are_written_as_s3_reads_them() {
        let tag = |key: &str, value: &str| {
            let (key, value) = (Some(key.to_owned()), Some(value.to_owned()));
            api_ec2::S3ObjectTag { key, value }
        };
        assert_eq!(object_tags(None).unwrap(), None);
        let both = object_tags(Some(vec![tag("kind", "a b"), tag("x&y", "1")])).unwrap();
        assert_eq!(both.as_deref(), Some("kind=a+b&x%26y=1"));
        assert!(object_tags(Some(vec![tag("", "1")])).is_err());
        assert!(object_tags(Some((0..11).map(|n| tag(&n.to_string(), "")).collect())).is_err());
    }

    #[test]
    fn progress_is_whole_at_the_end_only() {
        assert_eq!((progress(0, 0), progress(5, 10), progress(10, 10)), (0, 50, 99));
    }
}
