//! Names of blobs, and where each lies in the store.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use object_store::path::Path;

use crate::{Error, Result};

/// An id's length at most, in bytes, slashes included.
pub const ID_BYTES_MAX: usize = 512;
/// The parts of an id at most.
pub const SEGMENTS_MAX: usize = 8;
/// One part's length at most, in bytes: with what a store appends it still fits a file name.
pub const SEGMENT_BYTES_MAX: usize = 128;

/// The folder of blobs named by their content.
const CONTENT: &str = "sha256";
/// No segment of an id begins so; what does is ours: shards, staging, the lock.
pub(crate) const OURS: char = '=';
/// Where long blobs wait whose content, and so whose name, is not known yet.
pub(crate) const STAGING: &str = "=staging";

/// A blob's name: up to eight segments with slashes between, as `snapshots/snap-1/0007`.
/// A segment begins with a letter, digit or underscore; dots and hyphens may follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(String);

impl BlobId {
    /// # Errors
    /// `Id` if the name is empty, too long, or holds anything else.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match flaw(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(Error::Id { id: name.chars().take(SEGMENT_BYTES_MAX).collect(), reason }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The content this id names, if it is an id by content.
    pub fn content(&self) -> Option<ContentId> {
        self.0.strip_prefix(CONTENT)?.strip_prefix('/')?.parse().ok()
    }

    /// Whether the id lies where names are made from content.
    pub(crate) fn is_reserved(&self) -> bool {
        self.0.split('/').next() == Some(CONTENT)
    }

    /// `a/b/name` lies at `a/b/=7f/name`: no folder grows beyond a 256th of its blobs. As no segment
    /// begins with `=`, no blob can stand where another needs a folder.
    pub(crate) fn path(&self) -> Path {
        let (folder, name) = self.0.rsplit_once('/').map_or((None, self.0.as_str()), |(f, n)| (Some(f), n));
        let shard = digest(&SHA256, name.as_bytes()).as_ref().first().copied().unwrap_or_default();
        Path::from_iter(
            folder
                .into_iter()
                .flat_map(|f| f.split('/'))
                .chain([format!("{OURS}{shard:02x}").as_str(), name]),
        )
    }

    /// The folder of the ids that begin with this one and a slash.
    pub(crate) fn folder(&self) -> Path {
        self.0.split('/').collect()
    }

    /// The id whose blob lies at `path`; none for what we did not put there.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let (rest, name) = path.as_ref().rsplit_once('/')?;
        let folder = rest.rsplit_once('/').map(|(folder, _shard)| folder);
        let id = Self::new(folder.map_or_else(|| name.to_owned(), |f| format!("{f}/{name}"))).ok()?;
        (id.path() == *path).then_some(id)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobId {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

fn flaw(name: &str) -> Option<&'static str> {
    if name.len() > ID_BYTES_MAX {
        return Some("it is too long");
    }
    if name.split('/').count() > SEGMENTS_MAX {
        return Some("it has too many segments");
    }
    name.split('/').find_map(|segment| {
        let mut bytes = segment.bytes();
        match bytes.next() {
            None => Some("a segment is empty"),
            Some(first) if !(first.is_ascii_alphanumeric() || first == b'_') => {
                Some("a segment begins with neither letter, digit nor underscore")
            }
            Some(_) if segment.len() > SEGMENT_BYTES_MAX => Some("a segment is too long"),
            Some(_) => bytes
                .any(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')))
                .then_some("it holds a character other than letters, digits, underscore, hyphen and dot"),
        }
    })
}

/// The SHA-256 of a blob's bytes, as its name. Written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub [u8; 32]);

impl ContentId {
    /// The id to read, list or delete the blob by.
    pub fn blob_id(&self) -> BlobId {
        BlobId(format!("{CONTENT}/{self}"))
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ContentId {
    type Err = Error;

    /// # Errors
    /// `Id` unless the text is 64 lowercase hexadecimal digits.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::Id {
            id: text.chars().take(SEGMENT_BYTES_MAX).collect(),
            reason: "a content's name is 64 lowercase hexadecimal digits",
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 64 || !digits {
            return Err(refused());
        }
        let mut sum = [0; 32];
        for (at, byte) in sum.iter_mut().enumerate() {
            let pair = text.get(2 * at..2 * at + 2).ok_or_else(refused)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(sum))
    }
}
