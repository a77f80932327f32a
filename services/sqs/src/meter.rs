//! What is metered beside the requests themselves: payloads count once more for each further 64 KiB.

use kernel::Ctx;

const CHUNK_BYTES: usize = 64 * 1024;

/// Counts the further chunks of a request's payload. The gate has counted the first.
pub fn payload(ctx: &Ctx, bytes: usize) {
    let further = bytes.saturating_sub(1) / CHUNK_BYTES;
    if further > 0 && !ctx.caller().is_internal() {
        ctx.count("Requests", u64::try_from(further).unwrap_or(u64::MAX));
    }
}
