//! A transaction as services see it: records, events, timers and usage, all durable together or not at all.

use bytes::Bytes;
use store::Scan;

use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::events::Event;
use crate::meter::Usage;
use crate::timers::TimerKey;

/// Where records are read from: a transaction, or a snapshot.
pub trait Reader {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>>;
    /// Keys from `start` up to but without `end`, in order, at most `limit`.
    fn range(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>>;
}

/// A read of the store at one instant.
pub struct Snapshot<'a>(pub(crate) &'a store::Snapshot);

impl Reader for Snapshot<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.get(key)?)
    }
    fn range(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>> {
        Ok(self.0.scan(&Scan::range(start..end).limit(limit))?)
    }
}

/// A transaction. Its closure may run again, so it must do nothing but read and write here.
pub struct Tx<'t, 'c> {
    raw: &'t mut store::Tx,
    ctx: &'c Ctx,
    effects: &'t mut Effects,
}

/// What must be woken once the transaction is durable.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) published: bool,
    pub(crate) scheduled: bool,
}

impl<'t, 'c> Tx<'t, 'c> {
    pub(crate) fn new(raw: &'t mut store::Tx, ctx: &'c Ctx, effects: &'t mut Effects) -> Self {
        Self { raw, ctx, effects }
    }

    pub fn ctx(&self) -> &'c Ctx {
        self.ctx
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: impl Into<Bytes>) -> Result<()> {
        Ok(self.raw.put(key, value)?)
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) -> Result<()> {
        Ok(self.raw.delete(key)?)
    }

    /// Tells the house, once this transaction is durable. The publisher knows no listener.
    pub fn publish(&mut self, event: &Event) -> Result<()> {
        self.effects.published = true;
        crate::events::enqueue(self, event)
    }

    /// Sets (or moves) the durable timer `key` to go off at `at`.
    pub fn schedule(&mut self, key: &TimerKey, at: Millis) -> Result<()> {
        self.effects.scheduled = true;
        crate::timers::set(self, key, at)
    }

    /// Takes back the durable timer `key`, if it is set.
    pub fn unschedule(&mut self, key: &TimerKey) -> Result<()> {
        crate::timers::unset(self, key)
    }

    /// Records usage that a bill will name.
    pub fn meter(&mut self, usage: &Usage) -> Result<()> {
        crate::meter::record(self, usage)
    }

    /// Records usage on top of what its line says already.
    pub fn meter_more(&mut self, usage: Usage) -> Result<()> {
        let scope = *self.ctx().scope();
        crate::meter::add(self, &scope, usage)
    }
}

impl Reader for Tx<'_, '_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.raw.get(key)?)
    }
    fn range(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>> {
        Ok(self.raw.scan(&Scan::range(start..end).limit(limit))?)
    }
}
