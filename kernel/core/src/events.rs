//! Telling: events written in the transaction that causes them, delivered afterwards, at least once.
//!
//! One queue per subscriber, so that one who fails holds up nobody else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use crate::BoxFuture;
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::house::{HOUSE_SCOPE, House};
use crate::key::Key;
use crate::scope::Scope;
use crate::table::Table;
use crate::tx::{Reader, Tx};

/// Something that happened. The shape is EventBridge's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub at: Millis,
    pub scope: Scope,
    /// `aws.ec2`
    pub source: String,
    /// `EC2 Instance State-change Notification`
    pub detail_type: String,
    /// ARNs.
    pub resources: Vec<String>,
    pub detail: Value,
    /// For listeners of the house that name its source, and for nobody who listens to all.
    #[serde(default)]
    pub is_private: bool,
}

impl Event {
    /// An event of `ctx`'s scope, now.
    pub fn new(ctx: &Ctx, source: &str, detail_type: &str, resources: Vec<String>, detail: Value) -> Self {
        Self {
            id: ctx.ids().uuid(),
            at: ctx.now(),
            scope: *ctx.scope(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            resources,
            detail,
            is_private: false,
        }
    }

    /// The same, between services of the house alone: AWS tells nothing of the kind.
    #[must_use]
    pub fn in_private(self) -> Self {
        Self { is_private: true, ..self }
    }
}

pub(crate) type Deliver = Box<dyn Fn(Ctx, Arc<Event>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Who listens, to what.
pub(crate) struct Subscriber {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) source: Option<&'static str>,
    pub(crate) detail_type: Option<&'static str>,
    pub(crate) deliver: Deliver,
}

impl Subscriber {
    fn wants(&self, event: &Event) -> bool {
        (!event.is_private || self.source.is_some())
            && self.source.is_none_or(|source| source == event.source)
            && self.detail_type.is_none_or(|detail_type| detail_type == event.detail_type)
    }
}

/// An event on its way to one subscriber. Key: subscriber, instant, event id.
#[derive(Serialize, Deserialize)]
struct Pending {
    event: Event,
    attempts: u32,
}

static OUTBOX: Table<Pending> = Table::new("kernel/outbox");

/// Given up after this: the event is lost to this subscriber, and the log says so.
const AGE_MAX_MS: Millis = 24 * 3_600_000;
const RETRY_FIRST_MS: Millis = 100;
const RETRY_MAX_MS: Millis = 60_000;
const BATCH: usize = 64;

pub(crate) fn enqueue(tx: &mut Tx<'_, '_>, event: &Event) -> Result<()> {
    let house = tx.ctx().house().clone();
    for subscriber in house.mailboxes().iter().map(|m| &m.subscriber).filter(|s| s.wants(event)) {
        let pending = Pending { event: event.clone(), attempts: 0 };
        OUTBOX.put(tx, &HOUSE_SCOPE, (subscriber.name, event.at, event.id.as_str()), &pending)?;
    }
    Ok(())
}

/// A subscriber and the bell that rings when something may be in its queue.
pub(crate) struct Mailbox {
    pub(crate) subscriber: Subscriber,
    pub(crate) bell: Notify,
}

/// Delivers to one subscriber for ever: what is queued, in order, each until it is taken or too old.
pub(crate) async fn deliver_to(house: Arc<House>, mailbox: Arc<Mailbox>) {
    let subscriber = &mailbox.subscriber;
    mailbox.bell.notify_one();
    let mut wait_until = None;
    loop {
        house.wait(&mailbox.bell, wait_until.take()).await;
        let Some(_working) = house.begin_work().await else { return };
        match deliver_batch(&house, subscriber).await {
            Ok(next) => wait_until = next,
            Err(error) => {
                tracing::error!(subscriber = subscriber.name, %error, "the outbox cannot be read");
                wait_until = Some(house.clock().now() + RETRY_MAX_MS);
            }
        }
    }
}

/// Delivers what is queued. Gives the time of the next try when one was refused.
async fn deliver_batch(house: &Arc<House>, subscriber: &Subscriber) -> Result<Option<Millis>> {
    loop {
        let own = house.ctx(subscriber.service, HOUSE_SCOPE);
        let rows = own.read(|snap| OUTBOX.list(snap, &HOUSE_SCOPE, subscriber.name, None, BATCH)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        for (_, pending) in rows {
            let event = Arc::new(pending.event);
            let ctx = house.ctx(subscriber.service, event.scope);
            if let Err(error) = (subscriber.deliver)(ctx, event.clone()).await
                && let Some(again_at) = put_off(&own, subscriber, &event, pending.attempts, &error).await?
            {
                return Ok(Some(again_at));
            }
            own.write(|tx| forget(tx, subscriber, &event)).await?;
        }
    }
}

async fn put_off(
    own: &Ctx,
    subscriber: &Subscriber,
    event: &Event,
    attempts: u32,
    error: &Error,
) -> Result<Option<Millis>> {
    if own.now() - event.at > AGE_MAX_MS {
        tracing::error!(subscriber = subscriber.name, event = event.id, %error, "event given up");
        return Ok(None);
    }
    tracing::debug!(subscriber = subscriber.name, event = event.id, %error, "event will be tried again");
    let pending = Pending { event: event.clone(), attempts: attempts + 1 };
    own.write(|tx| OUTBOX.put(tx, &HOUSE_SCOPE, (subscriber.name, event.at, event.id.as_str()), &pending))
        .await?;
    let wait = RETRY_FIRST_MS.saturating_mul(1 << attempts.min(16)).min(RETRY_MAX_MS);
    Ok(Some(own.now() + wait))
}

fn forget(tx: &mut Tx<'_, '_>, subscriber: &Subscriber, event: &Event) -> Result<()> {
    tx.delete(seen_key(subscriber.name, &event.id))?;
    OUTBOX.delete(tx, &HOUSE_SCOPE, (subscriber.name, event.at, event.id.as_str()))
}

fn seen_key(subscriber: &str, event_id: &str) -> Vec<u8> {
    ("kernel/seen", subscriber, event_id).to_bytes()
}

impl Tx<'_, '_> {
    /// `true` the first time `subscriber` takes this event: what follows in the same transaction happens once,
    /// although the event may come again.
    pub fn first_time(&mut self, subscriber: &str, event: &Event) -> Result<bool> {
        let key = seen_key(subscriber, &event.id);
        if self.get(&key)?.is_some() {
            return Ok(false);
        }
        self.put(key, vec![1])?;
        Ok(true)
    }
}
