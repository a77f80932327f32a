//! What is metered beside the requests themselves: bytes taken in, and bytes that queries look through.

use kernel::Ctx;

/// Counts what a put took in.
pub fn ingested(ctx: &Ctx, bytes: u64) {
    ctx.count("DataProcessing-Bytes", bytes);
}

/// Counts what a query looked through.
pub fn scanned(ctx: &Ctx, bytes: u64) {
    ctx.count("DataScanned-Bytes", bytes);
}
