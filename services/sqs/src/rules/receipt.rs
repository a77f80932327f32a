//! Receipt handles: which message, received for which time. Their seal is the house's.

use crate::state::index::Sequence;

/// What a receipt handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub queue_id: u64,
    pub sequence: Sequence,
    /// The how-manieth receive gave it.
    pub receive: u32,
}

impl Receipt {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        out.extend_from_slice(&self.queue_id.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.receive.to_be_bytes());
        out
    }

    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (queue_id, rest) = bytes.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let receive = <[u8; 4]>::try_from(rest).ok()?;
        Some(Self {
            queue_id: u64::from_be_bytes(*queue_id),
            sequence: u64::from_be_bytes(*sequence),
            receive: u32::from_be_bytes(receive),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_back() {
        let receipt = Receipt { queue_id: 1, sequence: 2, receive: 3 };
        assert_eq!(Receipt::of_bytes(&receipt.to_bytes()), Some(receipt));
        assert_eq!(Receipt::of_bytes(b"short"), None);
    }
}
