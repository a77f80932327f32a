//! What can go wrong with a volume.

use std::io;
use std::path::{Path, PathBuf};

/// A verb's failure. The verb may be tried again unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The id or the wish is wrong in itself; trying again is useless.
    #[error("volume specification: {0}")]
    Spec(String),
    /// There is no such volume or snapshot.
    #[error("{0} does not exist")]
    Absent(String),
    /// Somebody still uses the device: a file system of it is mounted, or a process has it open.
    #[error("{0} is in use")]
    Busy(String),
    /// This host lacks what volumes need.
    #[error("this host cannot keep volumes: {0}")]
    Host(String),
    /// The host's disk has too little room left.
    #[error("the disk of the host is full")]
    Full,
    /// What was to be imported is no disk image we can read.
    #[error("the disk image cannot be used: {0}")]
    Image(String),
    /// What was stored does not read back.
    #[error("{0} is damaged")]
    Damaged(String),
    #[error("a block could not be kept")]
    Blob(#[from] blob::Error),
    /// The operating system refused.
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names what was tried when the operating system refused.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T>;
    /// The same, for a verb on a path.
    fn at(self, verb: &str, path: &Path) -> Result<T>
    where
        Self: Sized,
    {
        let path: PathBuf = path.to_owned();
        self.trying(|| format!("{verb} {}", path.display()))
    }
}

impl<T, E: Into<io::Error>> Trying<T> for std::result::Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let source = error.into();
            match source.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT) => Error::Full,
                _ => Error::Io { what: what(), source },
            }
        })
    }
}
