//! Gathers what networks count of watched interfaces, and writes it down as the flow logs want it.
//!
//! Records of an interval that is not over yet are in memory: a kill loses them, and so does a destination that does
//! not take them, as AWS's do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api_s3::{PutObjectRequest, op as s3};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use kernel::{Ctx, Error, Kind as Failed, Millis, Result, Scope};
use net::{Flow, Tally};
use shape::Body;

use super::log_events;
use super::network::{network_id, nic_id};
use crate::rules::flow_log as rules;
use crate::rules::flow_log_record::{Facts, Row, line};
use crate::service::Engines;
use crate::state::flow_log::{self, Destination, FlowLog};
use crate::state::id::{Id, VpcId};
use crate::state::network_interface::{self, NetworkInterface};

/// The setting: seconds that a minute of aggregation takes.
pub const SETTING: &str = "metrics.every-s";
const MINUTE_S: Millis = 60;
/// Looks a minute, and how often at most.
const LOOKS: Millis = 6;
const LOOK_MS_MIN: Millis = 500;
/// Flows of one log in one interval; of what is more the log says that it was skipped.
const ROWS_MAX: usize = 50_000;
/// Intervals delivered side by side.
const DELIVERIES_AT_ONCE: usize = 8;
const SESSION_MS: Millis = 900_000;

/// Intervals that are not over, by the log's id.
pub struct Books {
    minute_ms: Millis,
    open: Mutex<HashMap<String, Interval>>,
}

/// What a log has seen since its interval began.
#[derive(Default)]
struct Interval {
    /// Which one since 1970.
    turn: Millis,
    since: Millis,
    rows: BTreeMap<Flow, Count>,
    /// Interfaces that could have had traffic, with what records tell of each.
    about: BTreeMap<String, Facts>,
    skipped: BTreeSet<String>,
}

#[derive(Clone, Copy)]
struct Count {
    tally: Tally,
    first: Millis,
    last: Millis,
}

impl Books {
    /// A minute of aggregation is as long as the house's setting says: from a second to a minute.
    pub fn new(setting: Option<&str>) -> Self {
        let seconds = setting.and_then(|text| text.parse().ok()).unwrap_or(MINUTE_S).clamp(1, MINUTE_S);
        Self { minute_ms: seconds * 1_000, open: Mutex::default() }
    }

    pub fn look_ms(&self) -> Millis {
        (self.minute_ms / LOOKS).max(LOOK_MS_MIN)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Interval>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, log: &FlowLog, now: Millis) -> Millis {
        now.div_euclid(self.minute_ms * Millis::from(log.interval_s) / MINUTE_S)
    }
}

/// Looks at every network with a watched interface, and writes down the intervals that are over.
pub async fn look_all(ctx: &Ctx) -> Result<()> {
    let logs = ctx.read(|snap| flow_log::all_scopes(snap)).await?;
    let books = ctx.own::<Books>();
    books.lock().retain(|id, _| logs.iter().any(|(_, log)| log.id.as_str() == id));
    if logs.is_empty() {
        return Ok(());
    }
    let interfaces = ctx.read(|snap| network_interface::all_scopes(snap)).await?;
    let mut vpcs: BTreeMap<(Scope, VpcId), Vec<NetworkInterface>> = BTreeMap::new();
    for (scope, interface) in interfaces {
        let is_watched = |(of, log): &(Scope, FlowLog)| *of == scope && log.of.covers(&interface);
        if logs.iter().any(is_watched) {
            vpcs.entry((scope, interface.vpc.clone())).or_default().push(interface);
        }
    }
    for ((scope, vpc), interfaces) in vpcs {
        look(ctx, &scope, &vpc, &interfaces, &logs).await;
    }
    // One that fails, or is slow, keeps none of the others.
    let deliveries = stream::iter(&logs).for_each_concurrent(DELIVERIES_AT_ONCE, |(scope, log)| async move {
        if let Err(error) = write_down(&ctx.in_scope(*scope), log).await {
            tracing::error!(%error, log = log.id.as_str(), "an interval of a flow log is lost");
        }
    });
    deliveries.await;
    Ok(())
}

/// Adds what one network has counted to the logs that are about it.
async fn look(
    ctx: &Ctx,
    scope: &Scope,
    vpc: &VpcId,
    interfaces: &[NetworkInterface],
    logs: &[(Scope, FlowLog)],
) {
    let engine = &ctx.own::<Engines>().networks;
    // A network that is not there has counted nothing; one that is being made anew is asked next time.
    let Ok(flows) = engine.flows(network_id(vpc)).await else { return };
    let (now, books) = (ctx.now(), ctx.own::<Books>());
    let live = |it: &&NetworkInterface| {
        engine.find_nic(&network_id(vpc), it.private_ip).is_some_and(|nic| nic == nic_id(&it.id))
    };
    let mut open = books.lock();
    for (_, log) in logs.iter().filter(|(of, _)| of == scope) {
        let interval = open.entry(log.id.to_string()).or_insert_with(|| Interval {
            turn: books.turn(log, now),
            since: now.saturating_sub(books.look_ms()).max(log.created_at),
            ..Interval::default()
        });
        let since = interval.since.max(now.saturating_sub(books.look_ms()));
        for interface in interfaces.iter().filter(|it| log.of.covers(it)).filter(live) {
            interval.about.insert(interface.id.to_string(), facts(interface));
        }
        if flows.is_full {
            interval.skipped.extend(interval.about.keys().cloned());
        }
        for (flow, tally) in &flows.counted {
            if interval.about.contains_key(flow.nic.as_str()) && rules::wants(log.traffic, flow.accepted) {
                interval.add(flow, *tally, (since, now));
            }
        }
    }
}

impl Interval {
    fn add(&mut self, flow: &Flow, tally: Tally, (first, last): (Millis, Millis)) {
        if let Some(known) = self.rows.get_mut(flow) {
            known.tally.packets += tally.packets;
            known.tally.bytes += tally.bytes;
            known.last = last;
        } else if self.rows.len() < ROWS_MAX {
            self.rows.insert(flow.clone(), Count { tally, first, last });
        } else {
            self.skipped.insert(flow.nic.to_string());
        }
    }

    /// The records of each interface: what began first comes first.
    fn lines(
        &self,
        scope: &Scope,
        log: &FlowLog,
        now: Millis,
    ) -> Result<BTreeMap<String, Vec<(Millis, String)>>> {
        let fields = rules::fields(&log.format)?;
        let mut lines: BTreeMap<String, Vec<(Millis, String)>> = BTreeMap::new();
        let seconds = |at: Millis| at.div_euclid(1_000);
        let mut tell =
            |facts: &Facts, flow: Option<(&Flow, Tally)>, status, (first, last): (Millis, Millis)| {
                let row = Row { flow, status, start: seconds(first), end: seconds(last) };
                let told = line(scope, &fields, facts, &row);
                lines.entry(facts.interface.clone()).or_default().push((first, told));
            };
        for (flow, count) in &self.rows {
            if let Some(facts) = self.about.get(flow.nic.as_str()) {
                tell(facts, Some((flow, count.tally)), "OK", (count.first, count.last));
            }
        }
        let heard: BTreeSet<&str> = self.rows.keys().map(|flow| flow.nic.as_str()).collect();
        for (id, facts) in &self.about {
            if self.skipped.contains(id) {
                tell(facts, None, "SKIPDATA", (self.since, now));
            } else if !heard.contains(id.as_str()) {
                tell(facts, None, "NODATA", (self.since, now));
            }
        }
        lines.values_mut().for_each(|of_one| of_one.sort());
        Ok(lines)
    }
}

fn facts(interface: &NetworkInterface) -> Facts {
    let addresses =
        interface.private_ips().map(Into::into).chain(interface.ipv6.iter().copied().map(Into::into));
    Facts {
        interface: interface.id.to_string(),
        vpc: interface.vpc.to_string(),
        subnet: interface.subnet.to_string(),
        instance: interface.instance().map(ToString::to_string),
        zone: interface.zone.clone(),
        address: interface.private_ip.into(),
        addresses: addresses.collect(),
    }
}

/// Delivers the log's interval if it is over, and remembers how that went.
async fn write_down(ctx: &Ctx, log: &FlowLog) -> Result<()> {
    let (books, now) = (ctx.own::<Books>(), ctx.now());
    let interval = {
        let mut open = books.lock();
        let is_over = |interval: &Interval| books.turn(log, now) != interval.turn;
        let over =
            if open.get(log.id.as_str()).is_some_and(is_over) { open.remove(log.id.as_str()) } else { None };
        if over.is_some() {
            let next = Interval { turn: books.turn(log, now), since: now, ..Interval::default() };
            open.insert(log.id.to_string(), next);
        }
        over
    };
    let Some(interval) = interval else { return Ok(()) };
    let lines = interval.lines(ctx.scope(), log, now)?;
    if lines.is_empty() {
        return Ok(());
    }
    let outcome = match &log.to {
        Destination::LogGroup { name, role } => to_log_group(ctx, log, name, role, lines).await,
        Destination::Bucket { bucket, folder, hive, per_hour } => {
            to_bucket(ctx, log, bucket, (folder.as_str(), *hive, *per_hour), lines).await
        }
    };
    let failure = outcome.err().map(|error| {
        tracing::info!(%error, log = log.id.as_str(), "records of flows are lost");
        match error.kind() {
            Failed::Denied | Failed::NotFound => "Access error".to_owned(),
            Failed::Throttled => "Rate limited".to_owned(),
            _ => "Unknown error".to_owned(),
        }
    });
    if failure == log.failure {
        return Ok(());
    }
    let scope = *ctx.scope();
    ctx.write(|tx| match flow_log::find(tx, &scope, &log.id)? {
        Some(known) => flow_log::put(tx, &scope, &FlowLog { failure: failure.clone(), ..known }),
        None => Ok(()),
    })
    .await
}

/// A stream for each interface, in the role that was passed.
async fn to_log_group(
    ctx: &Ctx,
    log: &FlowLog,
    group: &str,
    role: &str,
    lines: BTreeMap<String, Vec<(Millis, String)>>,
) -> Result<()> {
    let scope = ctx.scope();
    let source = scope.arn("ec2", format_args!("vpc-flow-log/{}", log.id));
    let claims = [("aws:SourceAccount", scope.account.to_string()), ("aws:SourceArn", source)];
    let claims = claims.map(|(key, value)| (key.to_owned(), value));
    let taken = ctx.in_role_by(rules::SERVICE, role, log.id.as_str(), SESSION_MS, &claims).await?;
    let Some(ctx) = taken else {
        return Err(Error::new(
            Failed::Denied,
            "UnauthorizedOperation",
            "The role does not trust flow logs.",
        ));
    };
    for (interface, lines) in lines {
        let stream = rules::stream(log.traffic, &interface);
        log_events::put(&ctx, group, &stream, lines).await?;
    }
    Ok(())
}

/// One file of all interfaces.
async fn to_bucket(
    ctx: &Ctx,
    log: &FlowLog,
    bucket: &str,
    place: (&str, bool, bool),
    lines: BTreeMap<String, Vec<(Millis, String)>>,
) -> Result<()> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    let header = rules::header(&rules::fields(&log.format)?);
    let lines = lines.values().flatten().map(|(_, line)| line);
    for line in std::iter::once(&header).chain(lines) {
        file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(Error::internal)?;
    }
    let bytes = file.finish().map_err(Error::internal)?;
    let key = rules::key(ctx.scope(), log, place, ctx.now(), &ctx.ids().hex(8));
    let source = ctx.scope().arn("logs", format_args!("delivery-source:{}", log.id));
    let input = PutObjectRequest {
        bucket: bucket.to_owned(),
        key,
        acl: Some("bucket-owner-full-control".to_owned()),
        content_length: i64::try_from(bytes.len()).ok(),
        body: Body::from_bytes(bytes),
        ..PutObjectRequest::default()
    };
    ctx.call_named(rules::DELIVERY, &source, s3::PutObject, input).await.map(drop)
}
