//! Ships log files of a guest.
//!
//! Lines are put before it is written down how far they reach: a kill between the two puts some again, and loses none.

use std::collections::{BTreeMap, BTreeSet};

use api_logs::{PutRetentionPolicyRequest, op as logs};
use kernel::{Error, Millis, Result};

use super::guest_agent::{EVERY_MS, Visit};
use super::log_events;
use crate::rules::guest_agent::Watched;
use crate::rules::guest_tail::{self as tail, Cursors, Look, Part};
use crate::rules::guest_time::Zone;
use crate::state::guest_agent::{self, Shipped};
use crate::state::instance;

/// How often one guest is asked in a row, while it has more.
const ROUNDS: usize = 8;
/// The longest that something which was refused is let be.
const REST_MS: Millis = 60_000;

/// What is remembered of a guest's files from one look to the next.
#[derive(Clone, Default)]
pub(super) struct Shipping {
    /// Sizes of files when they were last looked at, by what is shipped and the file's inode.
    sizes: BTreeMap<(String, u64), u64>,
    /// The last times that were read in lines, by what is shipped.
    times: BTreeMap<String, Millis>,
    /// Why lines were not kept, by what is shipped.
    lost: BTreeMap<String, String>,
    /// What is let be for a while, by what is shipped.
    resting: BTreeMap<String, Rest>,
    /// What became of the retention of groups.
    retained: BTreeMap<(String, i32), Retained>,
}

#[derive(Clone)]
struct Rest {
    why: String,
    wait_ms: Millis,
    until: Millis,
}

#[derive(Clone)]
enum Retained {
    Done,
    Refused { why: String, at: Millis },
}

impl Shipping {
    /// Why not everything is as it was asked for.
    pub(super) fn complaints(&self) -> Vec<String> {
        let resting: BTreeSet<String> =
            self.resting.values().map(|rest| format!("not shipped: {}", rest.why)).collect();
        let retention = self.retained.iter().filter_map(|((group, days), outcome)| match outcome {
            Retained::Done => None,
            Retained::Refused { why, .. } => {
                Some(format!("{group}: retention_in_days {days} is not set: {why}"))
            }
        });
        resting.into_iter().chain(self.lost.values().cloned()).chain(retention).collect()
    }

    /// Ships what has come, but for what was refused a moment ago.
    pub(super) async fn ship(&mut self, visit: &Visit<'_>, files: &[Watched]) -> Result<()> {
        let (ctx, id, now) = (visit.ctx, &visit.instance.id, visit.ctx.now());
        let is_resting = |file: &&Watched| self.resting.get(&key(file)).is_some_and(|rest| rest.until > now);
        let mut due: Vec<&Watched> = files.iter().filter(|file| !is_resting(file)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let known = ctx.read(|snap| guest_agent::find(snap, ctx.scope(), id)).await?;
        let mut known = known.map(|shipped| shipped.cursors).unwrap_or_default();
        let (mut sizes, mut shipped) = (BTreeMap::new(), Vec::new());
        for _ in 0..ROUNDS {
            if due.is_empty() {
                break;
            }
            let none = Cursors::default();
            let reached = |file: &Watched| known.get(&key(file)).unwrap_or(&none);
            let (consoles, in_guest): (Vec<&Watched>, Vec<&Watched>) =
                due.iter().copied().partition(|file| file.is_console());
            let asked = in_guest.iter().map(|file| (file.path.as_str(), reached(file)));
            let needs_zone = due.iter().any(|file| file.lines.needs_zone());
            let answer = visit.exec(tail::command(needs_zone, asked)).await?;
            if answer.code == tail::OTHER_AGENT {
                break;
            }
            let said = if consoles.is_empty() { Vec::new() } else { visit.console().await? };
            let said = said.iter().map(|part| (part.id, part.bytes.as_slice()));
            let of_consoles =
                consoles.into_iter().map(|file| (file, tail::console(said.clone(), reached(file))));
            let looks: Vec<_> =
                in_guest.into_iter().zip(tail::looks(&answer.stdout)).chain(of_consoles).collect();
            let (mut next, mut has_more) = (known.clone(), false);
            let zone = tail::zone(&answer.stdout).0;
            for (file, look) in &looks {
                let cursors = next.entry(key(file)).or_default();
                let mut taking = Taking {
                    visit,
                    file,
                    zone: &zone,
                    before: &self.sizes,
                    sizes: &mut sizes,
                    times: &mut self.times,
                    lost: &mut self.lost,
                    lines: 0,
                };
                let outcome = taking.take(look, cursors).await;
                let has_put = taking.lines > 0;
                shipped.extend(has_put.then_some(*file));
                match outcome {
                    Ok(more) => {
                        has_more |= more;
                        // Where nothing was put, nothing tells that it would not be refused.
                        self.resting.retain(|at, _| !has_put || *at != key(file));
                    }
                    Err(error) => self.rest(key(file), now, &error),
                }
            }
            if next == known {
                break;
            }
            write_down(visit, files, &next).await?;
            known = next;
            if !has_more {
                break;
            }
            due.retain(|file| self.resting.get(&key(file)).is_none_or(|rest| rest.until <= now));
        }
        // What rests is looked at again when it has rested.
        self.sizes.retain(|(at, _), _| self.resting.contains_key(at));
        self.sizes.extend(sizes);
        for file in shipped {
            self.retain(visit, file).await?;
        }
        Ok(())
    }

    /// Lets something that was refused be, for longer each time.
    fn rest(&mut self, key: String, now: Millis, error: &Error) {
        let wait_ms = self.resting.get(&key).map_or(EVERY_MS, |rest| (rest.wait_ms * 2).min(REST_MS));
        self.resting.insert(key, Rest { why: error.to_string(), wait_ms, until: now + wait_ms });
    }

    /// Has a group keep its lines as long as was asked for. Whatever becomes of it, the lines are shipped.
    async fn retain(&mut self, visit: &Visit<'_>, file: &Watched) -> Result<()> {
        let Some(days) = file.retention_in_days else { return Ok(()) };
        let (key, now) = ((file.group.clone(), days), visit.ctx.now());
        match self.retained.get(&key) {
            Some(Retained::Done) => return Ok(()),
            Some(Retained::Refused { at, .. }) if now - at < REST_MS => return Ok(()),
            _ => {}
        }
        let request =
            PutRetentionPolicyRequest { log_group_name: file.group.clone(), retention_in_days: days };
        let outcome = visit.in_role().await?.call(logs::PutRetentionPolicy, request).await;
        let outcome = match outcome {
            Ok(()) => Retained::Done,
            Err(error) => Retained::Refused { why: error.to_string(), at: now },
        };
        self.retained.insert(key, outcome);
        Ok(())
    }
}

/// One look at the files of one pattern.
struct Taking<'a> {
    visit: &'a Visit<'a>,
    file: &'a Watched,
    /// Sizes at the last visit, and at this one.
    before: &'a BTreeMap<(String, u64), u64>,
    sizes: &'a mut BTreeMap<(String, u64), u64>,
    zone: &'a Zone,
    times: &'a mut BTreeMap<String, Millis>,
    lost: &'a mut BTreeMap<String, String>,
    /// Lines that were put.
    lines: usize,
}

impl Taking<'_> {
    /// Ships what is new, moves the cursors there, and tells whether there is more.
    async fn take(&mut self, look: &Look<'_>, cursors: &mut Cursors) -> Result<bool> {
        let mut has_more = false;
        for part in &look.parts {
            let before = cursors.of(part.inode);
            if before.is_some_and(|before| !part.is_of(&before)) {
                cursors.set(part.cursor(0));
                has_more = true;
                continue;
            }
            if before.is_none() && !self.file.from_beginning {
                cursors.set(part.cursor(part.size));
                continue;
            }
            let (lines, reached) = self.file.lines.messages(part, self.is_quiet(part));
            self.put(lines).await?;
            if before.is_none_or(|before| before.offset != reached) {
                cursors.set(part.cursor(reached));
            }
            has_more |= !part.is_whole();
        }
        cursors.keep_those_in(look);
        Ok(has_more)
    }

    /// Whether a file is as it was at the last visit.
    fn is_quiet(&mut self, part: &Part<'_>) -> bool {
        let at = (key(self.file), part.inode);
        let is_quiet = self.before.get(&at) == Some(&part.size);
        self.sizes.insert(at, part.size);
        is_quiet
    }

    async fn put(&mut self, lines: Vec<String>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let (now, at) = (self.visit.ctx.now(), key(self.file));
        let (lines, last) = self.file.lines.timed(lines, self.zone, self.times.get(&at).copied(), now);
        if lines.is_empty() {
            return Ok(());
        }
        let count = lines.len();
        let role = self.visit.in_role().await?;
        if log_events::put(role, &self.file.group, &self.file.stream, lines).await? {
            let why = format!("{}: lines have times that {} does not keep", self.file.path, self.file.group);
            self.lost.insert(at.clone(), why);
        }
        self.lines += count;
        self.times.extend(last.map(|last| (at, last)));
        Ok(())
    }
}

/// How far each file was shipped; of files that are not asked for any more nothing is kept.
async fn write_down(visit: &Visit<'_>, asked: &[Watched], cursors: &BTreeMap<String, Cursors>) -> Result<()> {
    let (scope, id) = (*visit.ctx.scope(), &visit.instance.id);
    let asked: BTreeSet<String> = asked.iter().map(key).collect();
    visit
        .ctx
        .write(|tx| {
            // One that has been forgotten meanwhile leaves nothing behind.
            if instance::find(tx, &scope, id)?.is_none() {
                return Ok(());
            }
            let mut cursors = cursors.clone();
            cursors.retain(|key, _| asked.contains(key));
            guest_agent::put(tx, &scope, id, &Shipped { cursors })
        })
        .await
}

fn key(file: &Watched) -> String {
    format!("{}\n{}\n{}", file.path, file.group, file.stream)
}
