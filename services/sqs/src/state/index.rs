//! A queue's order, visibility and counts, in memory: which message is next, and when the others are.
//!
//! It holds no bodies, and nothing that is not in the store as well: whoever changes it has written first. What is
//! being handed out is reserved before the write, so that no two receivers get the same message.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt};
use kernel::Millis;

use super::duplicates::Duplicates;
use super::groups::{GroupId, Groups};

/// A message's place in its queue; also its key in the store. Later ones are greater.
pub type Sequence = u64;

/// The low bits count within a millisecond, the others are the time, so that numbers rise over restarts too.
const COUNT_BITS: u32 = 22;

/// What is known of a message that has been received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    pub visible_at: Millis,
    /// The last receive.
    pub received_at: Millis,
    pub first_received_at: Millis,
    /// Also the number of the receipt handle that is valid.
    pub receives: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    Delayed,
    InFlight,
    /// Being handed out, moved or removed; the write is under way.
    Reserved,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sent_at: Millis,
    group: GroupId,
    place: Place,
}

/// A stored message as the index needs it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub sequence: Sequence,
    pub group: Option<&'a str>,
    pub sent_at: Millis,
    /// The end of its delay; not later than now when it has none.
    pub visible_at: Millis,
}

/// What a receiver asks of the index.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    pub now: Millis,
    pub count: usize,
    /// Messages sent before this are past their retention.
    pub sent_after: Millis,
    /// Messages received so often go to the dead-letter queue.
    pub receives_max: Option<u32>,
    pub in_flight_max: usize,
}

/// Messages reserved for a receiver, in order.
#[derive(Debug, Default)]
pub struct Taken {
    pub received: Vec<Sequence>,
    pub dead: Vec<Sequence>,
    pub expired: Vec<Sequence>,
    /// Nothing more may be in flight.
    pub over_limit: bool,
}

/// Most messages that one receive sends to the dead-letter queue or removes as expired.
const ASIDE_MAX: usize = 64;

impl Taken {
    pub fn is_empty(&self) -> bool {
        self.received.is_empty() && self.dead.is_empty() && self.expired.is_empty()
    }

    pub fn all(&self) -> impl Iterator<Item = Sequence> + '_ {
        self.received.iter().chain(&self.dead).chain(&self.expired).copied()
    }

    fn is_full(&self, want: &Want) -> bool {
        self.received.len() >= want.count || self.dead.len() + self.expired.len() >= ASIDE_MAX
    }
}

/// The counts that attributes show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

/// Who may be received next.
#[derive(Debug)]
enum Ready {
    Any(BTreeSet<Sequence>),
    InGroups(Groups),
}

#[derive(Debug)]
pub struct Index {
    entries: BTreeMap<Sequence, Entry>,
    /// Of messages received at least once.
    leases: HashMap<Sequence, Lease>,
    ready: Ready,
    /// When delayed and in-flight messages become visible. May name messages that are gone.
    due: BTreeSet<(Millis, Sequence)>,
    in_flight: usize,
    delayed: usize,
    last: Sequence,
    /// Messages below were purged.
    floor: Sequence,
    pub duplicates: Duplicates,
}

impl Index {
    pub fn new(fifo: bool, floor: Sequence) -> Self {
        Self {
            entries: BTreeMap::new(),
            leases: HashMap::new(),
            ready: if fifo { Ready::InGroups(Groups::default()) } else { Ready::Any(BTreeSet::new()) },
            due: BTreeSet::new(),
            in_flight: 0,
            delayed: 0,
            last: floor,
            floor,
            duplicates: Duplicates::default(),
        }
    }

    /// The next number. In a FIFO queue it holds back what comes later in its group until [`Index::arrive`] or
    /// [`Index::give_up`].
    pub fn assign(&mut self, now: Millis, group: Option<&str>) -> Sequence {
        let by_time = u64::try_from(now).unwrap_or(0) << COUNT_BITS;
        self.last = by_time.max(self.last + 1);
        if let (Ready::InGroups(groups), Some(group)) = (&mut self.ready, group) {
            groups.announce(group, self.last);
        }
        self.last
    }

    /// An announced message was not stored.
    pub fn give_up(&mut self, sequence: Sequence, group: Option<&str>) {
        if let (Ready::InGroups(groups), Some(group)) = (&mut self.ready, group) {
            let gid = groups.withdraw(group, sequence);
            self.refresh(gid);
        }
    }

    /// Takes in a message that is stored. Gives whether it can be received now.
    pub fn arrive(&mut self, arrival: &Arrival<'_>, now: Millis) -> bool {
        let Arrival { sequence, group, sent_at, visible_at } = *arrival;
        self.last = self.last.max(sequence);
        let gid = match (&mut self.ready, group) {
            (Ready::InGroups(groups), Some(group)) => groups.settle(group, sequence, sequence >= self.floor),
            _ => GroupId::NONE,
        };
        if sequence < self.floor {
            self.refresh(gid);
            return false;
        }
        let place = if visible_at > now { Place::Delayed } else { Place::Ready };
        self.entries.insert(sequence, Entry { sent_at, group: gid, place });
        if place == Place::Delayed {
            self.delayed += 1;
            self.due.insert((visible_at, sequence));
            return false;
        }
        self.make_ready(sequence, gid);
        true
    }

    /// Reserves what `want` can have.
    pub fn take(&mut self, want: &Want) -> Taken {
        self.wake(want.now);
        let mut taken = Taken::default();
        while !taken.is_full(want) {
            if self.in_flight >= want.in_flight_max {
                taken.over_limit = true;
                break;
            }
            let more = match &self.ready {
                Ready::Any(ready) => {
                    let room = want.count - taken.received.len();
                    ready.iter().take(room).copied().collect::<Vec<_>>()
                }
                Ready::InGroups(groups) => groups.next_up(want.count - taken.received.len(), |sequence| {
                    self.entries.get(&sequence).is_some_and(|entry| entry.place == Place::Ready)
                }),
            };
            if more.is_empty() {
                break;
            }
            for sequence in more {
                self.reserve(sequence, want, &mut taken);
            }
        }
        taken
    }

    fn reserve(&mut self, sequence: Sequence, want: &Want, taken: &mut Taken) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        entry.place = Place::Reserved;
        self.in_flight += 1;
        let (sent_at, gid) = (entry.sent_at, entry.group);
        match &mut self.ready {
            Ready::Any(ready) => {
                ready.remove(&sequence);
            }
            Ready::InGroups(_) => self.refresh(gid),
        }
        let receives = self.leases.get(&sequence).map_or(0, |lease| lease.receives);
        if sent_at <= want.sent_after {
            taken.expired.push(sequence);
        } else if want.receives_max.is_some_and(|max| receives >= max) {
            taken.dead.push(sequence);
        } else {
            taken.received.push(sequence);
        }
    }

    /// A reserved message stays where it was.
    pub fn release(&mut self, sequence: Sequence) {
        if let Some(entry) = self.entries.get_mut(&sequence)
            && entry.place == Place::Reserved
        {
            entry.place = Place::Ready;
            self.in_flight -= 1;
            let gid = entry.group;
            self.make_ready(sequence, gid);
        }
    }

    /// Sets the lease of a reserved or received message. Gives whether it is visible now.
    pub fn set_lease(&mut self, sequence: Sequence, lease: Lease, now: Millis) -> bool {
        let Some(entry) = self.entries.get_mut(&sequence) else { return false };
        if let Some(before) = self.leases.insert(sequence, lease) {
            self.due.remove(&(before.visible_at, sequence));
        }
        let was_out = matches!(entry.place, Place::InFlight | Place::Reserved);
        let was_ready = entry.place == Place::Ready;
        self.delayed -= usize::from(entry.place == Place::Delayed);
        let gid = entry.group;
        if lease.visible_at > now {
            entry.place = Place::InFlight;
            self.due.insert((lease.visible_at, sequence));
            if !was_out {
                self.in_flight += 1;
            }
            match &mut self.ready {
                Ready::Any(ready) => {
                    ready.remove(&sequence);
                }
                Ready::InGroups(_) => self.refresh(gid),
            }
            return false;
        }
        entry.place = Place::Ready;
        if was_out {
            self.in_flight -= 1;
        }
        if !was_ready {
            self.make_ready(sequence, gid);
        }
        true
    }

    /// The message is no more.
    pub fn remove(&mut self, sequence: Sequence) {
        let Some(entry) = self.entries.remove(&sequence) else { return };
        if let Some(lease) = self.leases.remove(&sequence) {
            self.due.remove(&(lease.visible_at, sequence));
        }
        match entry.place {
            Place::InFlight | Place::Reserved => self.in_flight -= 1,
            Place::Delayed => self.delayed -= 1,
            Place::Ready => {}
        }
        match &mut self.ready {
            Ready::Any(ready) => {
                ready.remove(&sequence);
            }
            Ready::InGroups(groups) => {
                groups.remove(entry.group, sequence);
                self.refresh(entry.group);
            }
        }
    }

    /// Lets messages whose time has come be received.
    pub fn wake(&mut self, now: Millis) {
        while let Some(&(at, sequence)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&sequence) else { continue };
            let lease = self.leases.get(&sequence);
            match entry.place {
                Place::InFlight if lease.is_some_and(|lease| lease.visible_at == at) => self.in_flight -= 1,
                Place::Delayed => self.delayed -= 1,
                _ => continue,
            }
            entry.place = Place::Ready;
            let gid = entry.group;
            self.make_ready(sequence, gid);
        }
    }

    fn make_ready(&mut self, sequence: Sequence, gid: GroupId) {
        match &mut self.ready {
            Ready::Any(ready) => {
                ready.insert(sequence);
            }
            Ready::InGroups(_) => self.refresh(gid),
        }
    }

    /// A group may be received from when its first message is ready.
    fn refresh(&mut self, gid: GroupId) {
        if let Ready::InGroups(groups) = &mut self.ready {
            groups.refresh(gid, |sequence| {
                self.entries.get(&sequence).is_some_and(|entry| entry.place == Place::Ready)
            });
        }
    }

    /// When the next message becomes visible by itself.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether a receive now would find anything.
    pub fn has_ready(&self) -> bool {
        match &self.ready {
            Ready::Any(ready) => !ready.is_empty(),
            Ready::InGroups(groups) => groups.has_ready(),
        }
    }

    pub fn contains(&self, sequence: Sequence) -> bool {
        self.entries.contains_key(&sequence)
    }

    pub fn lease(&self, sequence: Sequence) -> Option<Lease> {
        self.leases.get(&sequence).copied()
    }

    pub fn is_in_flight(&self, sequence: Sequence) -> bool {
        self.entries.get(&sequence).is_some_and(|e| matches!(e.place, Place::InFlight | Place::Reserved))
    }

    pub fn counts(&mut self, now: Millis) -> Counts {
        self.wake(now);
        let (in_flight, delayed) = (self.in_flight, self.delayed);
        Counts { visible: self.entries.len() - in_flight - delayed, in_flight, delayed }
    }

    /// When the oldest message was sent.
    pub fn oldest_sent_at(&self) -> Option<Millis> {
        self.entries.first_key_value().map(|(_, entry)| entry.sent_at)
    }

    /// Messages sent at or before `sent_at`, not being handed out, after the message `after`, looking at `limit`.
    /// Gives also where the look ended, when there is more.
    pub fn sent_before(
        &self,
        sent_at: Millis,
        after: Sequence,
        limit: usize,
    ) -> (Vec<Sequence>, Option<Sequence>) {
        let looked: Vec<_> = self.entries.range(after + 1..).take(limit).collect();
        let end = looked.last().filter(|_| looked.len() == limit).map(|(sequence, _)| **sequence);
        let old = looked.into_iter().filter(|(_, e)| e.sent_at <= sent_at && e.place != Place::Reserved);
        (old.map(|(sequence, _)| *sequence).collect(), end)
    }

    /// Up to `limit` messages in order, for looking at: with whether each is visible and whether it is delayed.
    pub fn peek(&mut self, now: Millis, limit: usize) -> Vec<(Sequence, bool, bool)> {
        self.wake(now);
        let shown = self.entries.iter().take(limit);
        shown.map(|(s, e)| (*s, e.place == Place::Ready, e.place == Place::Delayed)).collect()
    }

    /// A number above every message there is: those below it are to be purged.
    pub fn next_floor(&mut self, now: Millis) -> Sequence {
        self.assign(now, None)
    }

    /// Forgets the messages below `floor`, those still on their way included, and the deduplication window.
    pub fn purge(&mut self, floor: Sequence) {
        self.floor = floor;
        self.duplicates.clear();
        let kept = self.entries.split_off(&floor);
        self.entries = kept;
        self.leases.retain(|sequence, _| *sequence >= floor);
        self.due.retain(|(_, sequence)| *sequence >= floor);
        let all = || self.entries.values();
        self.in_flight = all().filter(|e| matches!(e.place, Place::InFlight | Place::Reserved)).count();
        self.delayed = all().filter(|e| e.place == Place::Delayed).count();
        let members = self.entries.iter();
        match &mut self.ready {
            Ready::Any(ready) => {
                *ready = members.filter(|(_, e)| e.place == Place::Ready).map(|(s, _)| *s).collect();
            }
            Ready::InGroups(groups) => {
                let known = groups.replace_members(members.map(|(sequence, e)| (e.group, *sequence)));
                known.into_iter().for_each(|gid| self.refresh(gid));
            }
        }
    }
}

#[cfg(test)]
mod tests;
