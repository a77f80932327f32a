//! The message groups of a FIFO queue: within a group messages go out in order, a group whose first message is out
//! waits, and groups take turns.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::index::Sequence;

/// A group's number while it has messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(u32);

impl GroupId {
    /// The group of messages in queues without groups.
    pub const NONE: Self = Self(u32::MAX);
}

#[derive(Debug)]
struct Group {
    name: Arc<str>,
    /// Its place among the groups that can be received from.
    turn: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Groups {
    ids: HashMap<Arc<str>, GroupId>,
    groups: HashMap<u32, Group>,
    free: Vec<u32>,
    members: BTreeSet<(GroupId, Sequence)>,
    /// Numbered but not yet stored: what comes later in the group waits for them.
    announced: BTreeSet<(GroupId, Sequence)>,
    ready: BTreeSet<(u64, GroupId)>,
    last_turn: u64,
}

impl Groups {
    /// A message of the group has been given a number.
    pub fn announce(&mut self, group: &str, sequence: Sequence) {
        let gid = self.ensure(group);
        self.announced.insert((gid, sequence));
    }

    /// An announced message will not come. Call [`Groups::refresh`] afterwards.
    pub fn withdraw(&mut self, group: &str, sequence: Sequence) -> GroupId {
        let gid = self.ensure(group);
        self.announced.remove(&(gid, sequence));
        gid
    }

    /// A message is stored; it counts unless it was purged meanwhile.
    pub fn settle(&mut self, group: &str, sequence: Sequence, counts: bool) -> GroupId {
        let gid = self.withdraw(group, sequence);
        if counts {
            self.members.insert((gid, sequence));
        }
        gid
    }

    /// Takes a message out. Call [`Groups::refresh`] afterwards.
    pub fn remove(&mut self, gid: GroupId, sequence: Sequence) {
        self.members.remove(&(gid, sequence));
    }

    /// Starts again with other members. Gives all groups, each to be refreshed.
    pub fn replace_members(&mut self, members: impl Iterator<Item = (GroupId, Sequence)>) -> Vec<GroupId> {
        self.members = members.collect();
        self.groups.keys().map(|number| GroupId(*number)).collect()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Up to `count` messages of the group whose turn it is: its first ones, as far as they are ready.
    pub fn next_up(&self, count: usize, is_ready: impl Fn(Sequence) -> bool) -> Vec<Sequence> {
        let Some(&(_, gid)) = self.ready.first() else { return Vec::new() };
        let end = self.first_announced(gid);
        let members = self.members.range((gid, 0)..(gid, end)).map(|(_, sequence)| *sequence);
        members.take_while(|sequence| is_ready(*sequence)).take(count).collect()
    }

    /// Finds out whether the group can be received from; forgets it when nothing is left of it.
    pub fn refresh(&mut self, gid: GroupId, is_ready: impl Fn(Sequence) -> bool) {
        let end = self.first_announced(gid);
        let first = self.members.range((gid, 0)..=(gid, Sequence::MAX)).next().map(|(_, sequence)| *sequence);
        let Some(group) = self.groups.get_mut(&gid.0) else { return };
        let can = first.is_some_and(|first| first < end && is_ready(first));
        match (can, group.turn) {
            (true, None) => {
                self.last_turn += 1;
                group.turn = Some(self.last_turn);
                self.ready.insert((self.last_turn, gid));
            }
            (false, Some(turn)) => {
                group.turn = None;
                self.ready.remove(&(turn, gid));
            }
            _ => {}
        }
        if first.is_none() && end == Sequence::MAX {
            self.forget(gid);
        }
    }

    fn first_announced(&self, gid: GroupId) -> Sequence {
        let mut announced = self.announced.range((gid, 0)..=(gid, Sequence::MAX));
        announced.next().map_or(Sequence::MAX, |(_, sequence)| *sequence)
    }

    fn ensure(&mut self, name: &str) -> GroupId {
        if let Some(gid) = self.ids.get(name) {
            return *gid;
        }
        let fresh = u32::try_from(self.groups.len()).unwrap_or(u32::MAX - 1);
        let gid = GroupId(self.free.pop().unwrap_or(fresh));
        let name: Arc<str> = Arc::from(name);
        self.ids.insert(name.clone(), gid);
        self.groups.insert(gid.0, Group { name, turn: None });
        gid
    }

    fn forget(&mut self, gid: GroupId) {
        if let Some(group) = self.groups.remove(&gid.0) {
            self.ids.remove(&group.name);
            self.free.push(gid.0);
        }
    }
}
