//! Receiving: what is there, or what comes within the time given; each message to one receiver at a time.

use std::sync::Arc;

use api_sqs::{Message as Shown, ReceiveMessageRequest, ReceiveMessageResult};
use kernel::{Ctx, Millis, Result};

use super::{data_key, queue_at, queue_by_address, seal_receipt};
use crate::rules::address::Address;
use crate::rules::message::{self, Wanted};
use crate::rules::{attributes, limits};
use crate::state::arriving::Arriving;
use crate::state::attempts::Got;
use crate::state::index::{Lease, Sequence, Taken, Want};
use crate::state::lease::LEASES;
use crate::state::message::{MESSAGES, Message};
use crate::state::open::{OpenQueue, retention_ends};
use crate::state::reserved::Reserved;
use crate::{errors, meter};

/// A receive, its parameters checked.
struct Receive {
    queue: Arc<OpenQueue>,
    wanted: Wanted,
    count: usize,
    /// `None` takes the queue's.
    visibility_ms: Option<Millis>,
    attempt: Option<String>,
}

/// Messages in hand: each with its lease.
type InHand = Vec<(Sequence, Message, Lease)>;

fn check_attempt(given: Option<String>, fifo: bool) -> Result<Option<String>> {
    const NAME: &str = "ReceiveRequestAttemptId";
    if let (Some(id), false) = (&given, fifo) {
        return Err(errors::not_for_this_kind_of_queue(id, NAME));
    }
    message::check_fifo_id(given.as_deref(), NAME)?;
    Ok(given)
}

pub async fn receive_message(ctx: &Ctx, input: ReceiveMessageRequest) -> Result<ReceiveMessageResult> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    let mut system = input.message_system_attribute_names.unwrap_or_default();
    system.extend(input.attribute_names.unwrap_or_default());
    let wanted = Wanted { system, message: input.message_attribute_names.unwrap_or_default() };
    wanted.check(attributes::is_known)?;
    let wait_ms = limits::wait_ms(input.wait_time_seconds, queue.record().settings.wait_s)?;
    let receive = Receive {
        wanted,
        count: limits::count(input.max_number_of_messages)?,
        visibility_ms: input.visibility_timeout.map(limits::visibility_ms).transpose()?,
        attempt: check_attempt(input.receive_request_attempt_id, queue.fifo)?,
        queue,
    };
    let deadline = ctx.now() + wait_ms;
    let in_hand = match receive.again(ctx).await? {
        Some(in_hand) => in_hand,
        None => receive.wait(ctx, deadline, wait_ms > 0).await?,
    };
    meter::payload(ctx, in_hand.iter().map(|(_, message, _)| message.body.len()).sum());
    receive.queue.used.received(in_hand.len());
    let show = |(sequence, message, lease): (Sequence, Message, Lease)| -> Shown {
        let handle = seal_receipt(ctx, &receive.queue, sequence, lease.receives);
        message::show(message, sequence, lease, receive.queue.fifo, &receive.wanted, handle)
    };
    let messages: Vec<_> = in_hand.into_iter().map(show).collect();
    Ok(ReceiveMessageResult { messages: (!messages.is_empty()).then_some(messages) })
}

/// Tells another waiter to look when this one goes: it may have been the one who knew the next time to.
struct Baton<'a>(&'a OpenQueue);

impl Drop for Baton<'_> {
    fn drop(&mut self) {
        let index = self.0.index();
        let wake = index.has_ready() || index.next_due().is_some();
        drop(index);
        if wake {
            self.0.ring(1);
        }
    }
}

impl Receive {
    async fn wait(&self, ctx: &Ctx, deadline: Millis, long: bool) -> Result<InHand> {
        let queue = &*self.queue;
        let _baton = long.then(|| Baton(queue));
        loop {
            let arrived = queue.arrived.notified();
            tokio::pin!(arrived);
            if long {
                arrived.as_mut().enable();
            }
            if queue.is_deleted() {
                return Err(errors::no_such_queue());
            }
            let dead_letters = self.dead_letter_queue(ctx).await?;
            let now = ctx.now();
            let (taken, next_due) = self.take(now, dead_letters.as_ref());
            if taken.over_limit && taken.is_empty() && !queue.fifo && !long {
                return Err(errors::too_many_in_flight());
            }
            if !taken.is_empty() {
                let in_hand = self.hand_out(ctx, &taken, dead_letters.as_ref(), now).await?;
                if !in_hand.is_empty() {
                    return Ok(in_hand);
                }
                // All of it was dead or expired; there may be more behind.
                continue;
            }
            if now >= deadline {
                return Ok(Vec::new());
            }
            let until = next_due.map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = arrived => {}
                () = ctx.sleep_until(until) => {}
                () = ctx.house_leaves() => return Ok(Vec::new()),
            }
        }
    }

    async fn dead_letter_queue(&self, ctx: &Ctx) -> Result<Option<(u32, Arc<OpenQueue>)>> {
        let record = self.queue.record();
        let Some(redrive) = &record.settings.redrive else { return Ok(None) };
        let Some(address) = Address::of_arn(&redrive.target) else { return Ok(None) };
        // Without a place to go, messages stay.
        Ok(queue_by_address(ctx, &address).await?.map(|queue| (redrive.receives_max, queue)))
    }

    fn take(&self, now: Millis, dead_letters: Option<&(u32, Arc<OpenQueue>)>) -> (Taken, Option<Millis>) {
        let want = Want {
            now,
            count: self.count,
            sent_after: retention_ends(&self.queue.record(), now),
            receives_max: dead_letters.map(|(max, _)| *max),
            in_flight_max: limits::IN_FLIGHT_MAX,
        };
        let mut index = self.queue.index();
        (index.take(&want), index.next_due())
    }

    /// Leases what was taken, moves dead letters on, and removes what expired: all in one transaction.
    async fn hand_out(
        &self,
        ctx: &Ctx,
        taken: &Taken,
        dead_letters: Option<&(u32, Arc<OpenQueue>)>,
        now: Millis,
    ) -> Result<InHand> {
        let queue = &self.queue;
        let reserved = Reserved::new(queue, taken.all());
        let mut in_hand = self.read(ctx, &taken.received, |before| self.lease(before, now)).await?;
        self.open(ctx, &mut in_hand).await?;
        let dead = self.read(ctx, &taken.dead, |before| before).await?;
        let dead_arriving = match dead_letters {
            Some((_, target)) if !dead.is_empty() => {
                let letters =
                    dead.iter().map(|(_, message, lease)| (self.dead_letter(message, *lease, now), None));
                Some(Arriving::begin(ctx, target, letters.collect()).await?)
            }
            _ => None,
        };
        // What is not in the store any more goes from the index as well.
        let has = |sequence: &Sequence| in_hand.iter().any(|(s, ..)| s == sequence);
        let lost = taken.received.iter().filter(|sequence| !has(sequence));
        let gone: Vec<Sequence> = taken.dead.iter().chain(&taken.expired).chain(lost).copied().collect();
        let leases: Vec<_> = in_hand.iter().map(|(sequence, _, lease)| (*sequence, lease.pack())).collect();
        ctx.write(|tx| {
            for (sequence, lease) in &leases {
                LEASES.put(tx, &queue.scope, (queue.id, *sequence), lease.clone())?;
            }
            for sequence in &gone {
                MESSAGES.delete(tx, &queue.scope, (queue.id, *sequence))?;
                LEASES.delete(tx, &queue.scope, (queue.id, *sequence))?;
            }
            dead_arriving.as_ref().map_or(Ok(()), |arriving| arriving.put(tx))
        })
        .await?;
        self.settle(reserved, &gone, &in_hand, now);
        if let Some(arriving) = dead_arriving {
            arriving.arrive();
        }
        if let Some(attempt) = &self.attempt {
            let got: Got = in_hand.iter().map(|(sequence, _, lease)| (*sequence, lease.receives)).collect();
            queue.attempts.remember(attempt, now, got);
        }
        Ok(in_hand)
    }

    fn settle(&self, reserved: Reserved, gone: &[Sequence], in_hand: &InHand, now: Millis) {
        let mut index = self.queue.index();
        let due_before = index.next_due();
        gone.iter().for_each(|sequence| index.remove(*sequence));
        let mut visible = 0;
        for (sequence, _, lease) in in_hand {
            visible += usize::from(index.set_lease(*sequence, *lease, now));
        }
        let sooner = index.next_due() != due_before;
        let rings = visible.max(usize::from(sooner || index.has_ready()));
        drop(index);
        reserved.settle();
        self.queue.ring(rings);
    }

    /// Reads messages from the store, each with the lease that `f` makes of the one it had.
    async fn read(&self, ctx: &Ctx, sequences: &[Sequence], f: impl Fn(Lease) -> Lease) -> Result<InHand> {
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        let queue = &self.queue;
        let records = ctx
            .read(|snap| {
                let get = |s: &Sequence| Ok((*s, MESSAGES.get(snap, &queue.scope, (queue.id, *s))?));
                sequences.iter().map(get).collect::<Result<Vec<_>>>()
            })
            .await?;
        let mut in_hand = Vec::with_capacity(records.len());
        for (sequence, record) in records {
            let Some(record) = record else { continue };
            let before = queue.index().lease(sequence).unwrap_or_default();
            in_hand.push((sequence, Message::unpack(&record)?, f(before)));
        }
        Ok(in_hand)
    }

    /// Opens bodies before anything is leased: who may not read them changes nothing.
    async fn open(&self, ctx: &Ctx, in_hand: &mut InHand) -> Result<()> {
        for (_, message, _) in in_hand {
            data_key::open(ctx, &self.queue, message).await?;
        }
        Ok(())
    }

    fn lease(&self, before: Lease, now: Millis) -> Lease {
        let queue_ms = Millis::from(self.queue.record().settings.visibility_s) * 1_000;
        let first = if before.receives == 0 { now } else { before.first_received_at };
        Lease {
            visible_at: now + self.visibility_ms.unwrap_or(queue_ms),
            received_at: now,
            first_received_at: first,
            receives: before.receives.saturating_add(1),
        }
    }

    fn dead_letter(&self, message: &Message, lease: Lease, now: Millis) -> Message {
        Message {
            // In a standard queue a dead letter is as old as the message; a FIFO queue counts anew.
            sent_at: if self.queue.fifo { now } else { message.sent_at },
            visible_at: None,
            dead_from: Some(self.queue.arn.clone()),
            receives_before: message.receives_before.saturating_add(lease.receives),
            first_received_before: message.first_received_before.or(Some(lease.first_received_at)),
            ..message.clone()
        }
    }

    /// The same messages once more, when this attempt was made before and they were not touched since.
    async fn again(&self, ctx: &Ctx) -> Result<Option<InHand>> {
        let now = ctx.now();
        let Some(got) = self.attempt.as_ref().and_then(|attempt| self.queue.attempts.find(attempt, now))
        else {
            return Ok(None);
        };
        self.queue.index().wake(now);
        let untouched = |(sequence, receives): &(Sequence, u32)| {
            let index = self.queue.index();
            index.is_in_flight(*sequence) && index.lease(*sequence).is_some_and(|l| l.receives == *receives)
        };
        if got.is_empty() || !got.iter().all(untouched) {
            return Ok(None);
        }
        let sequences: Vec<_> = got.iter().map(|(sequence, _)| *sequence).collect();
        let renew = |before: Lease| Lease { receives: before.receives, ..self.lease(before, now) };
        let mut in_hand = self.read(ctx, &sequences, renew).await?;
        self.open(ctx, &mut in_hand).await?;
        let (scope, id) = (self.queue.scope, self.queue.id);
        let put = |(sequence, _, lease): &(Sequence, Message, Lease), tx: &mut kernel::Tx<'_, '_>| {
            LEASES.put(tx, &scope, (id, *sequence), lease.pack())
        };
        ctx.write(|tx| in_hand.iter().try_for_each(|one| put(one, tx))).await?;
        self.settle(Reserved::new(&self.queue, []), &[], &in_hand, now);
        Ok(Some(in_hand))
    }
}
