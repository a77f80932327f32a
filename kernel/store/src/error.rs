//! Why the store says no.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A failure of the store. None of them leaves a transaction half written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("the store in {} is in use by {owner}", path.display())]
    Locked { path: PathBuf, owner: String },
    #[error("cannot {what} {}", path.display())]
    Folder {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("the storage engine failed")]
    Engine(#[source] Arc<fjall_error::Opaque>),
    /// A write or sync failed before. What the disk holds is known only after a restart, so nothing is written any more.
    #[error("the store refuses to write since a write failed: {reason}")]
    Poisoned { reason: Arc<str> },
    /// Nothing was written; there may be room later.
    #[error("the disk of the store is full: {free} bytes are left")]
    Full { free: u64 },
    #[error("other transactions wrote what this one read, {attempts} times in a row")]
    Contended { attempts: u32 },
    #[error("a key of {bytes} bytes; the limit is {}", crate::KEY_BYTES_MAX)]
    KeyTooLong { bytes: usize },
    #[error("keys starting with {:#x} are reserved", crate::RESERVED)]
    KeyReserved,
    #[error("a value of {bytes} bytes; the limit is {}", crate::VALUE_BYTES_MAX)]
    ValueTooLong { bytes: usize },
    #[error("a transaction that writes {bytes} bytes; the limit is {}", crate::TX_BYTES_MAX)]
    TxTooBig { bytes: usize },
    #[error("a transaction that reads more than {} keys and ranges", crate::TX_READS_MAX)]
    TxReadsTooMuch,
    #[error("a scan found more than {} rows", crate::SCAN_ROWS_MAX)]
    ScanTooLong,
    #[error("added to a key whose value is no counter")]
    NotACounter,
    #[error("more than {} keys and prefixes are watched", crate::WATCHES_MAX)]
    TooManyWatches,
    #[error("a record of the store itself is damaged: {what}")]
    Damaged { what: &'static str },
    #[error("the store is closed")]
    Closed,
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

pub(crate) use fjall_error::Opaque;

/// Keeps the engine's own error type out of the interface.
mod fjall_error {
    use std::{error, fmt};

    #[derive(Debug)]
    pub struct Opaque(pub(crate) fjall::Error);

    impl fmt::Display for Opaque {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl error::Error for Opaque {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            self.0.source()
        }
    }
}

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        StoreError::Engine(Arc::new(Opaque(error)))
    }
}

impl StoreError {
    pub(crate) fn folder(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        StoreError::Folder { what, path: path.into(), source: Arc::new(source) }
    }
}
