//! The ordered, transactional key-value store that every service stands on.
//!
//! Keys are byte strings in lexical order. [`Store::write`] runs a synchronous closure on a [`Tx`]: serializable
//! (optimistic, so the closure may run again), and durable when it returns. [`Store::read`] sees one [`Snapshot`].
//! Nothing is visible to anybody before it is on the disk. The engine underneath is embedded; no type of it is in this
//! interface, so that a replicated one can take its place.

mod committer;
mod compactor;
mod disk;
mod error;
mod lease;
mod lock;
mod options;
mod queue;
mod resolver;
mod room;
mod runway;
mod scan;
mod snapshot;
mod stats;
mod store;
mod torn;
mod tx;
mod watch;

pub use error::{Result, StoreError};
pub use lease::{Acquired, Lease};
pub use options::Options;
pub use scan::{Row, Scan};
pub use snapshot::Snapshot;
pub use stats::Stats;
pub use store::Store;
pub use tx::Tx;
pub use watch::Watch;

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 4 * 1024;
/// Longest value, in bytes. What is bigger belongs into a blob.
pub const VALUE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most bytes of keys and values that one transaction writes.
pub const TX_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most keys and ranges that one transaction reads.
pub const TX_READS_MAX: usize = 100_000;
/// Most rows that one scan returns; a snapshot's iterator has no such bound.
pub const SCAN_ROWS_MAX: usize = 10_000;
/// How often a transaction's closure runs before [`StoreError::Contended`].
pub const ATTEMPTS_MAX: u32 = 256;
/// Most keys and prefixes watched at one time.
pub const WATCHES_MAX: usize = 100_000;
/// Keys from this byte on are the store's own and refused to callers.
pub const RESERVED: u8 = 0xff;
