//! Messages on their way into a queue: they have their numbers, the store does not have them yet.
//!
//! Until it has, what comes later in their groups waits, and the same message sent again waits for the outcome. When
//! whoever sends them goes away meanwhile, nobody knows whether they were stored: then they are taken out again.

use std::sync::Arc;

use bytes::Bytes;
use kernel::{Ctx, Millis, Result, Tx};

use super::duplicates::{Fingerprint, Original};
use super::index::{Arrival, Index, Sequence};
use super::message::{MESSAGES, Message};
use super::open::OpenQueue;
use super::sent::{self, SENT};
use crate::errors;

struct Item {
    sequence: Sequence,
    message_id: u128,
    group: Option<String>,
    sent_at: Millis,
    visible_at: Millis,
    /// None for a message that was sent before.
    packed: Option<Bytes>,
    fingerprint: Option<Fingerprint>,
}

impl Item {
    fn is_new(&self) -> bool {
        self.packed.is_some()
    }
}

/// What a sender is told.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub message_id: u128,
    pub sequence: Sequence,
}

#[must_use = "messages must arrive"]
pub struct Arriving {
    ctx: Ctx,
    queue: Arc<OpenQueue>,
    items: Vec<Item>,
    settled: bool,
}

impl Arriving {
    /// Gives numbers to messages, in their order. With a fingerprint, a message may turn out to be there already.
    ///
    /// # Errors
    /// When the queue is deleted.
    pub async fn begin(
        ctx: &Ctx,
        queue: &Arc<OpenQueue>,
        messages: Vec<(Message, Option<Fingerprint>)>,
    ) -> Result<Self> {
        let mut messages: Vec<_> = messages.into_iter().map(|(m, f)| (m.pack(), m, f)).collect();
        loop {
            // Only what may be a duplicate ever waits for another.
            let mut settled =
                messages.iter().any(|(_, _, f)| f.is_some()).then(|| Box::pin(queue.settled.notified()));
            if let Some(settled) = &mut settled {
                settled.as_mut().enable();
            }
            if queue.is_deleted() {
                return Err(errors::no_such_queue());
            }
            let now = ctx.now();
            let numbered = number(&mut queue.index(), &mut messages, now);
            if let Some(items) = numbered {
                return Ok(Self { ctx: ctx.clone(), queue: queue.clone(), items, settled: false });
            }
            if let Some(settled) = settled {
                settled.await;
            }
        }
    }

    /// Writes the messages.
    pub fn put(&self, tx: &mut Tx<'_, '_>) -> Result<()> {
        let OpenQueue { scope, id, .. } = &*self.queue;
        for item in &self.items {
            let Some(packed) = &item.packed else { continue };
            MESSAGES.put(tx, scope, (*id, item.sequence), packed.clone())?;
            if let Some(fingerprint) = item.fingerprint {
                let sent = sent::pack(fingerprint, item.message_id, item.sent_at);
                SENT.put(tx, scope, (*id, item.sequence), sent)?;
            }
        }
        Ok(())
    }

    /// Nothing needs to be written.
    pub fn is_known(&self) -> bool {
        !self.items.iter().any(Item::is_new)
    }

    /// They are stored: receivers may have them.
    pub fn arrive(mut self) -> Vec<Placed> {
        self.settled = true;
        let now = self.ctx.now();
        let mut index = self.queue.index();
        let mut ready = 0;
        for item in self.items.iter().filter(|item| item.is_new()) {
            let Item { sequence, sent_at, visible_at, .. } = *item;
            let group = item.group.as_deref();
            ready += usize::from(index.arrive(&Arrival { sequence, group, sent_at, visible_at }, now));
            if let Some(fingerprint) = item.fingerprint {
                index.duplicates.confirm(fingerprint, sequence);
            }
        }
        // A delayed message tells a waiter when to look again.
        let rings = if ready == 0 { 1 } else { ready };
        drop(index);
        self.queue.ring(rings);
        if self.items.iter().any(|item| item.fingerprint.is_some()) {
            self.queue.settled.notify_waiters();
        }
        let placed = |item: &Item| Placed { message_id: item.message_id, sequence: item.sequence };
        self.items.iter().map(placed).collect()
    }
}

/// `None` when one of them is on its way already, sent by another.
fn number(
    index: &mut Index,
    messages: &mut Vec<(Bytes, Message, Option<Fingerprint>)>,
    now: Millis,
) -> Option<Vec<Item>> {
    let known = |index: &mut Index, f: &Option<Fingerprint>| f.and_then(|f| index.duplicates.find(f, now));
    if messages.iter().any(|(_, _, f)| known(index, f).is_some_and(|original| !original.stored)) {
        return None;
    }
    let mut items = Vec::with_capacity(messages.len());
    for (packed, message, fingerprint) in messages.drain(..) {
        let Message { id, sent_at, visible_at, group, .. } = message;
        let visible_at = visible_at.unwrap_or(0);
        let item = match known(index, &fingerprint) {
            Some(Original { sequence, message_id, .. }) => Item {
                sequence,
                message_id,
                group: None,
                sent_at,
                visible_at,
                packed: None,
                fingerprint: None,
            },
            None => {
                let sequence = index.assign(now, group.as_deref());
                if let Some(fingerprint) = fingerprint {
                    let original = Original { sent_at, sequence, message_id: id, stored: false };
                    index.duplicates.remember(fingerprint, original);
                }
                let packed = Some(packed);
                Item { sequence, message_id: id, group, sent_at, visible_at, packed, fingerprint }
            }
        };
        items.push(item);
    }
    Some(items)
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.settled || self.is_known() {
            return;
        }
        let (ctx, queue, items) = (self.ctx.clone(), self.queue.clone(), std::mem::take(&mut self.items));
        let house = ctx.house().clone();
        house.finish_later(async move {
            // Written behind whatever was written before: afterwards they are surely not there.
            let undone = ctx
                .write(|tx| {
                    items.iter().filter(|item| item.is_new()).try_for_each(|item| {
                        let key = (queue.id, item.sequence);
                        MESSAGES.delete(tx, &queue.scope, key)?;
                        SENT.delete(tx, &queue.scope, key)
                    })
                })
                .await;
            if let Err(error) = undone {
                // They keep holding back their groups: nobody knows whether they are stored.
                tracing::error!(queue = queue.arn, %error, "messages of a sender who left cannot be taken back");
                return;
            }
            let mut index = queue.index();
            for item in items.iter().filter(|item| item.is_new()) {
                index.give_up(item.sequence, item.group.as_deref());
                if let Some(fingerprint) = item.fingerprint {
                    index.duplicates.forget(fingerprint, item.sequence);
                }
            }
            drop(index);
            queue.ring(1);
            queue.settled.notify_waiters();
        });
    }
}
