//! Carries access logs to buckets: gathered with every look, sent as files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use api_s3::{PutObjectRequest, op};
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::{Ctx, Error, Kind as Failed, Millis, Result, Scope};
use shape::Body;

use super::metric::Books;
use crate::rules::access_log::{self as rules, About};
use crate::rules::network_log;
use crate::service::Engines;
use crate::state::load_balancer::{self, Kind, LoadBalancer};
use crate::state::{listener, node, rule, target_group};

/// Who puts the files, as buckets' policies name it (user guides of ALB and NLB, "Enable access logs").
const PRINCIPAL: &str = "logdelivery.elasticloadbalancing";
const NETWORK_PRINCIPAL: &str = "delivery.logs";
/// How files of network load balancers are put, so that their policies can ask for it.
const NETWORK_ACL: &str = "bucket-owner-full-control";
/// Looks between two files: five minutes, where there is a look every minute.
const LOOKS: Millis = 5;
/// A file is sent early when it has become so large, and lost when its bucket does not take it for so long.
const FILE_BYTES: usize = 4 << 20;
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Lines that have not been sent yet, packed; a kill loses them.
#[derive(Default)]
pub struct Files(Mutex<HashMap<(Scope, String), File>>);

struct File {
    since: Millis,
    packed: GzEncoder<Vec<u8>>,
}

impl File {
    fn begin(now: Millis) -> Self {
        Self { since: now, packed: GzEncoder::new(Vec::new(), Compression::default()) }
    }
}

/// Looks at every load balancer whose requests are written down.
pub async fn carry_all(ctx: &Ctx) -> Result<()> {
    let mut logged = HashSet::new();
    for (scope, id) in ctx.read(|snap| load_balancer::ids_of_all_scopes(snap)).await? {
        let there = ctx.in_scope(scope);
        let found = there.read(|snap| load_balancer::find(snap, &scope, &id)).await?;
        if let Some(one) = found.filter(LoadBalancer::is_logged) {
            carry(&there, &one).await?;
            logged.insert((scope, id));
        }
    }
    // What waits for a log that is wanted no more goes to nobody.
    let mut files = ctx.own::<Files>().0.lock().unwrap_or_else(PoisonError::into_inner);
    files.retain(|of, _| logged.contains(of));
    Ok(())
}

async fn carry(ctx: &Ctx, of: &LoadBalancer) -> Result<()> {
    let entries = ctx.own::<Engines>().fronts.journal(&of.id.as_str().into());
    let lines = match of.kind {
        _ if entries.is_empty() => String::new(),
        Kind::Application => lines(ctx, of, &entries).await?,
        Kind::Network => network_lines(ctx, of, &entries).await?,
    };
    let now = ctx.now();
    let Some(file) = due(ctx, of, &lines, now)? else { return Ok(()) };
    let bytes = file.packed.finish().map_err(Error::internal)?;
    let length = bytes.len();
    match put(ctx, of, &key(ctx, of).await?, bytes.clone()).await {
        Err(error)
            if matches!(error.kind(), Failed::Internal | Failed::Unavailable)
                && length < WAITING_BYTES_MAX =>
        {
            // Packed texts one after the other are a packed text (RFC 1952, section 2.2).
            let mut packed = GzEncoder::new(bytes, Compression::default());
            packed.flush().map_err(Error::internal)?;
            let file = File { since: now, packed };
            let files = &ctx.own::<Files>().0;
            files.lock().unwrap_or_else(PoisonError::into_inner).insert((*ctx.scope(), of.id.clone()), file);
        }
        Err(error) => tracing::info!(%error, load_balancer = of.name, "an access log is lost"),
        Ok(()) => {}
    }
    Ok(())
}

/// Adds lines to the file of a load balancer; gives the file when its time has come.
fn due(ctx: &Ctx, of: &LoadBalancer, lines: &str, now: Millis) -> Result<Option<File>> {
    let mut files = ctx.own::<Files>().0.lock().unwrap_or_else(PoisonError::into_inner);
    let id = (*ctx.scope(), of.id.clone());
    if !lines.is_empty() {
        let file = files.entry(id.clone()).or_insert_with(|| File::begin(now));
        file.packed.write_all(lines.as_bytes()).map_err(Error::internal)?;
    }
    let every = LOOKS * ctx.own::<Books>().every_ms;
    let is_due = |file: &File| now - file.since >= every || file.packed.get_ref().len() >= FILE_BYTES;
    Ok(if files.get(&id).is_some_and(is_due) { files.remove(&id) } else { None })
}

async fn lines(ctx: &Ctx, of: &LoadBalancer, entries: &[balance::Entry]) -> Result<String> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let mut listeners = BTreeMap::new();
        for one in listener::all(snap, &scope, &of.id)? {
            let rules = rule::all(snap, &scope, &one.id)?.iter().map(|rule| rule.priority).collect();
            let port = u16::try_from(one.port).unwrap_or_default();
            listeners.insert(port, (rules, one.certificates.first().cloned()));
        }
        let groups = target_group::all(snap, &scope)?;
        Ok((listeners, groups.iter().map(|group| (group.id.clone(), group.arn(&scope))).collect()))
    });
    let (listeners, groups) = read.await?;
    let about = About { balancer: &of.path(), groups: &groups, listeners: &listeners };
    Ok(entries.iter().map(|entry| rules::line(entry, &about) + "\n").collect())
}

/// Streams of listeners that speak TLS; of others nothing is written down.
async fn network_lines(ctx: &Ctx, of: &LoadBalancer, entries: &[balance::Entry]) -> Result<String> {
    let scope = *ctx.scope();
    let all = ctx.read(|snap| listener::all(snap, &scope, &of.id)).await?;
    let named = all.into_iter().map(|mut one| {
        let only = if one.certificates.len() == 1 { one.certificates.pop() } else { None };
        (u16::try_from(one.port).unwrap_or_default(), (one.id, only))
    });
    let about = network_log::About { balancer: &of.path(), listeners: &named.collect() };
    let lines = entries.iter().filter_map(|entry| network_log::line(entry, &about));
    Ok(lines.map(|line| line + "\n").collect())
}

async fn key(ctx: &Ctx, of: &LoadBalancer) -> Result<String> {
    let scope = *ctx.scope();
    if of.kind == Kind::Network {
        let prefix = of.attribute("access_logs.s3.prefix");
        return Ok(network_log::key(&scope, prefix, &of.path(), ctx.now(), &ctx.ids().hex(8)));
    }
    let nodes = ctx.read(|snap| node::get(snap, &scope, &of.id)).await?.nodes;
    let address = nodes.first().map_or_else(String::new, |node| {
        node.public_ip.filter(|_| !of.internal).unwrap_or(node.private_ip).to_string()
    });
    let prefix = of.attribute("access_logs.s3.prefix");
    Ok(rules::key(&scope, prefix, &of.path(), ctx.now(), &address, &ctx.ids().hex(8)))
}

/// Puts a file as the principal that buckets' policies let in.
async fn put(ctx: &Ctx, of: &LoadBalancer, key: &str, bytes: Vec<u8>) -> Result<()> {
    let input = PutObjectRequest {
        bucket: of.attribute("access_logs.s3.bucket").to_owned(),
        key: key.to_owned(),
        content_length: i64::try_from(bytes.len()).ok(),
        body: Body::from_bytes(bytes),
        acl: (of.kind == Kind::Network).then(|| NETWORK_ACL.to_owned()),
        ..PutObjectRequest::default()
    };
    let (principal, source) = match of.kind {
        Kind::Application => (PRINCIPAL, of.arn(ctx.scope())),
        Kind::Network => {
            (NETWORK_PRINCIPAL, ctx.scope().arn("logs", format_args!("delivery-source:{}", of.id)))
        }
    };
    ctx.call_named(principal, &source, op::PutObject, input).await.map(drop)
}

/// Whether the bucket takes files: one is put.
///
/// # Errors
/// The bucket's refusal.
pub async fn check(ctx: &Ctx, of: &LoadBalancer) -> Result<()> {
    let prefix = of.attribute("access_logs.s3.prefix");
    let key = format!("{}/ELBAccessLogTestFile", rules::folder(ctx.scope(), prefix));
    let text = format!("Enable AccessLog for ELB: {} at {}", of.name, ctx.now());
    put(ctx, of, &key, text.into_bytes()).await
}
