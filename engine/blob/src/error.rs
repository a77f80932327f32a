//! What can go wrong with a blob.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use crate::BlobId;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the caller's: of the stream it feeds us, or of its lookup.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// A verb that did not succeed. After a refused or broken put, the id holds what it held before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("blob {0} does not exist")]
    Absent(BlobId),
    #[error("{id:?} is no blob id: {reason}")]
    Id { id: String, reason: &'static str },
    #[error("bytes {start} to {end} lie outside blob {id} of {size_bytes} bytes")]
    Range { id: BlobId, start: u64, end: u64, size_bytes: u64 },
    #[error("the blob is longer than {size_bytes_max} bytes")]
    TooLong { size_bytes_max: u64 },
    #[error("the blob ended after {size_bytes} of {wanted_bytes} bytes")]
    TooShort { size_bytes: u64, wanted_bytes: u64 },
    /// What is stored is not what was written.
    #[error("blob {id} is damaged: {reason}")]
    Damaged { id: BlobId, reason: &'static str },
    /// No room is left, on the disk or in its owner's quota.
    #[error("the disk is full; could not {doing}")]
    Full {
        doing: String,
        #[source]
        source: BoxError,
    },
    #[error("folder {0} of blobs is open elsewhere")]
    InUse(PathBuf),
    /// The stream handed to a put failed; its own words are in the source.
    #[error("the bytes to be stored broke off")]
    Body(#[source] BoxError),
    /// The caller could not say whether a blob is still named; nothing was removed for it.
    #[error("could not learn whether a blob is still named")]
    Keep(#[source] BoxError),
    #[error("could not {doing}")]
    Store {
        doing: String,
        #[source]
        source: BoxError,
    },
}

impl Error {
    /// Whether more room would have helped.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Sorts a refusal of the store or of the host by its cause.
    pub(crate) fn of(doing: String, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        if lacks_room(&*source) { Self::Full { doing, source } } else { Self::Store { doing, source } }
    }
}

/// Says what was being done when the store or the host refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<BoxError>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::of(what(), error))
    }
}

fn lacks_room(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}
