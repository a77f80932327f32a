//! The stored lease: who has a message until when, and how often it was received. Survives a restart.

use bytes::Bytes;
use kernel::PackedTable;

use super::index::Lease;
use super::packed::{Fields, Packer, Unreadable};

/// By queue id and sequence, beside the message's own record.
pub static LEASES: PackedTable = PackedTable::new("sqs/lease");

const WHAT: &str = "sqs/lease";
const VERSION: u8 = 1;
const CAPACITY_BYTES: usize = 64;

const VISIBLE_AT: u8 = 1;
const RECEIVED_AT: u8 = 2;
const FIRST_RECEIVED_AT: u8 = 3;
const RECEIVES: u8 = 4;

impl Lease {
    pub fn pack(&self) -> Bytes {
        let mut out = Packer::new(VERSION, CAPACITY_BYTES);
        out.number(VISIBLE_AT, self.visible_at);
        out.number(RECEIVED_AT, self.received_at);
        out.number(FIRST_RECEIVED_AT, self.first_received_at);
        out.number(RECEIVES, i64::from(self.receives));
        out.finish()
    }

    /// # Errors
    /// When the record is damaged.
    pub fn unpack(record: &[u8]) -> Result<Self, Unreadable> {
        let mut lease = Self::default();
        let mut fields = Fields::of(WHAT, VERSION, record)?;
        while let Some((tag, value)) = fields.advance()? {
            match tag {
                VISIBLE_AT => lease.visible_at = fields.number(value)?,
                RECEIVED_AT => lease.received_at = fields.number(value)?,
                FIRST_RECEIVED_AT => lease.first_received_at = fields.number(value)?,
                RECEIVES => lease.receives = u32::try_from(fields.number(value)?).unwrap_or(u32::MAX),
                _ => {}
            }
        }
        Ok(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_reads_back() {
        let lease = Lease { visible_at: 3, received_at: 2, first_received_at: 1, receives: 4 };
        assert_eq!(Lease::unpack(&lease.pack()).unwrap(), lease);
        assert!(Lease::unpack(&[]).is_err());
    }
}
