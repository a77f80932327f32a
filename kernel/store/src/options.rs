//! The few sizes that the program that opens a store may choose.

/// How a store uses memory and disk. The default suits one node on a small machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Blocks of tables kept in memory, in bytes. It fills with use, not at start.
    pub cache_bytes: u64,
    /// Written data kept in memory before it becomes a table, in bytes.
    pub memtable_bytes: u64,
    /// Journals on disk, in bytes; at least 64 MiB.
    pub journal_bytes: u64,
}

impl Options {
    pub(crate) const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 16 << 20, memtable_bytes: 16 << 20, journal_bytes: 256 << 20 }
    }
}
