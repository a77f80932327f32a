//! Leases: records that say who owns a hot structure, and until when.
//!
//! They are taken inside transactions, so that work guarded by a lease checks it in the transaction that does the work:
//! an owner that was slow, and has lost its lease unknowingly, then writes nothing.

use bytes::Bytes;

use crate::tx::Op;
use crate::{RESERVED, Result, Store, StoreError, Tx};

/// A lease held: give it back to [`Tx::renew_lease`], [`Tx::check_lease`], [`Tx::release_lease`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub owner: String,
    /// Grows whenever the owner changes, also across [`Store::clear`] if the clock does: a fence for what is outside the store.
    pub fence: u64,
    /// Milliseconds of the caller's clock.
    pub expires_at_ms: u64,
}

/// Who has the lease after [`Tx::acquire_lease`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    Ours(Lease),
    /// Somebody else has it, at least until it expires.
    Theirs(Lease),
}

impl Tx {
    /// Takes the lease `name` for `owner` if it is free, expired, or already the owner's.
    pub fn acquire_lease(&mut self, name: &str, owner: &str, ttl_ms: u64, now_ms: u64) -> Result<Acquired> {
        let found = self.find_lease(name)?;
        let fence = match found {
            Some(lease) if lease.owner == owner && lease.expires_at_ms > now_ms => lease.fence,
            Some(lease) if lease.expires_at_ms > now_ms => return Ok(Acquired::Theirs(lease)),
            Some(lease) => now_ms.max(lease.fence.saturating_add(1)),
            None => now_ms,
        };
        let expires_at_ms = now_ms.saturating_add(ttl_ms);
        let lease = Lease { name: name.to_owned(), owner: owner.to_owned(), fence, expires_at_ms };
        self.put_lease(&lease)?;
        Ok(Acquired::Ours(lease))
    }

    /// Whether `lease` is still held. Reading it makes the transaction conflict with whoever takes it over.
    pub fn check_lease(&mut self, lease: &Lease, now_ms: u64) -> Result<bool> {
        let found = self.find_lease(&lease.name)?;
        Ok(found.is_some_and(|found| {
            found.owner == lease.owner && found.fence == lease.fence && found.expires_at_ms > now_ms
        }))
    }

    /// Extends a lease that is still held; None if it is lost.
    pub fn renew_lease(&mut self, lease: &Lease, ttl_ms: u64, now_ms: u64) -> Result<Option<Lease>> {
        if !self.check_lease(lease, now_ms)? {
            return Ok(None);
        }
        let renewed = Lease { expires_at_ms: now_ms.saturating_add(ttl_ms), ..lease.clone() };
        self.put_lease(&renewed)?;
        Ok(Some(renewed))
    }

    /// Gives a lease back, if it is still the caller's.
    pub fn release_lease(&mut self, lease: &Lease) -> Result<()> {
        let found = self.find_lease(&lease.name)?;
        if found.is_some_and(|found| found.owner == lease.owner && found.fence == lease.fence) {
            let key = self.lease_key(&lease.name)?;
            self.write_full(key, Op::Delete)?;
        }
        Ok(())
    }

    /// Who holds the lease `name`, expired or not.
    pub fn find_lease(&mut self, name: &str) -> Result<Option<Lease>> {
        let key = self.lease_key(name)?;
        let Some(record) = self.get_full(key)? else { return Ok(None) };
        decode(name, &record).map(Some).ok_or(StoreError::Damaged { what: "a lease" })
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<()> {
        let key = self.lease_key(&lease.name)?;
        self.put_full(key, encode(lease))
    }

    fn lease_key(&self, name: &str) -> Result<Bytes> {
        self.reserved_key(&[&[RESERVED], b"lease/".as_slice(), name.as_bytes()].concat())
    }
}

impl Store {
    /// [`Tx::acquire_lease`] in a transaction of its own.
    pub async fn acquire_lease(&self, name: &str, owner: &str, ttl_ms: u64, now_ms: u64) -> Result<Acquired> {
        self.write(|tx| tx.acquire_lease(name, owner, ttl_ms, now_ms)).await
    }

    /// [`Tx::renew_lease`] in a transaction of its own.
    pub async fn renew_lease(&self, lease: &Lease, ttl_ms: u64, now_ms: u64) -> Result<Option<Lease>> {
        self.write(|tx| tx.renew_lease(lease, ttl_ms, now_ms)).await
    }

    /// [`Tx::release_lease`] in a transaction of its own.
    pub async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.write(|tx| tx.release_lease(lease)).await
    }
}

/// Fence, expiry, owner.
fn encode(lease: &Lease) -> Bytes {
    [&lease.fence.to_be_bytes(), &lease.expires_at_ms.to_be_bytes(), lease.owner.as_bytes()].concat().into()
}

fn decode(name: &str, record: &[u8]) -> Option<Lease> {
    let (fence, rest) = record.split_first_chunk::<8>()?;
    let (expires_at, owner) = rest.split_first_chunk::<8>()?;
    Some(Lease {
        name: name.to_owned(),
        owner: std::str::from_utf8(owner).ok()?.to_owned(),
        fence: u64::from_be_bytes(*fence),
        expires_at_ms: u64::from_be_bytes(*expires_at),
    })
}
