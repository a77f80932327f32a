//! Carries access logs to buckets: gathered with every look, sent as files.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api_s3::{PutObjectRequest, op};
use kernel::{Ctx, Kind as Failed, Millis, Result};
use shape::Body;

use super::metric::Books;
use crate::rules::access_log as rules;
use crate::service::Engines;
use crate::state::load_balancer::{self, AccessLog, LoadBalancer};
use crate::state::node;

/// Who puts the files, as buckets' policies name it (user guide, "Attach a policy to your S3 bucket").
const PRINCIPAL: &str = "logdelivery.elasticloadbalancing";
/// A file is sent early when it has become so large, and lost when its bucket does not take it for so long.
const FILE_BYTES: usize = 16 << 20;
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Lines that have not been sent yet, by the load balancer's id; a kill loses them.
#[derive(Default)]
pub struct Files(Mutex<HashMap<String, File>>);

struct File {
    since: Millis,
    text: String,
}

/// Looks at every load balancer whose requests are written down.
pub async fn carry_all(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| load_balancer::all_scopes(snap)).await?;
    {
        // What waits for a log that is wanted no more goes to nobody.
        let mut files = ctx.own::<Files>().0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|id, _| all.iter().any(|(_, one)| one.id == *id && one.attributes.log.is_some()));
    }
    for (scope, one) in all {
        if let Some(log) = &one.attributes.log {
            carry(&ctx.in_scope(scope), &one, log).await?;
        }
    }
    Ok(())
}

async fn carry(ctx: &Ctx, of: &LoadBalancer, log: &AccessLog) -> Result<()> {
    let entries = ctx.own::<Engines>().fronts.journal(&load_balancer::front(&of.id));
    let lines: String = entries.iter().map(|entry| rules::line(entry, &of.name) + "\n").collect();
    // A look is a minute, where nobody has said otherwise.
    let every = Millis::from(log.interval_min) * ctx.own::<Books>().every_ms;
    let Some(file) = due(ctx, of, &lines, every) else { return Ok(()) };
    let key = key(ctx, of, log).await?;
    match put(ctx, of, log, key, file.text.clone()).await {
        Err(error)
            if matches!(error.kind(), Failed::Internal | Failed::Unavailable)
                && file.text.len() < WAITING_BYTES_MAX =>
        {
            let mut files = ctx.own::<Files>().0.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(of.id.clone(), File { since: ctx.now(), ..file });
        }
        Err(error) => tracing::info!(%error, load_balancer = of.name, "an access log is lost"),
        Ok(()) => {}
    }
    Ok(())
}

/// Adds lines to the file of a load balancer; gives the file when its time has come.
fn due(ctx: &Ctx, of: &LoadBalancer, lines: &str, every: Millis) -> Option<File> {
    let now = ctx.now();
    let mut files = ctx.own::<Files>().0.lock().unwrap_or_else(PoisonError::into_inner);
    if !lines.is_empty() {
        let file = files.entry(of.id.clone()).or_insert_with(|| File { since: now, text: String::new() });
        file.text.push_str(lines);
    }
    let is_due = |file: &File| now - file.since >= every || file.text.len() >= FILE_BYTES;
    if files.get(&of.id).is_some_and(is_due) { files.remove(&of.id) } else { None }
}

async fn key(ctx: &Ctx, of: &LoadBalancer, log: &AccessLog) -> Result<String> {
    let scope = *ctx.scope();
    let nodes = ctx.read(|snap| node::find(snap, &scope, &of.name)).await?.unwrap_or_default().nodes;
    let address = nodes.first().map_or_else(String::new, |node| {
        node.public_ip.filter(|_| !of.internal).unwrap_or(node.private_ip).to_string()
    });
    Ok(rules::key(&scope, &log.prefix, &of.name, ctx.now(), &address, &ctx.ids().hex(8)))
}

/// Puts a file as the principal that buckets' policies let in.
async fn put(ctx: &Ctx, of: &LoadBalancer, log: &AccessLog, key: String, text: String) -> Result<()> {
    let input = PutObjectRequest {
        bucket: log.bucket.clone(),
        key,
        content_length: i64::try_from(text.len()).ok(),
        body: Body::from_bytes(text.into_bytes()),
        ..PutObjectRequest::default()
    };
    ctx.call_named(PRINCIPAL, &of.arn(ctx.scope()), op::PutObject, input).await.map(drop)
}

/// Whether the bucket takes files: one is put.
///
/// # Errors
/// The bucket's refusal.
pub async fn check(ctx: &Ctx, of: &LoadBalancer, log: &AccessLog) -> Result<()> {
    let key = format!("{}/ELBAccessLogTestFile", rules::folder(ctx.scope(), &log.prefix));
    let text = format!("Enable AccessLog for ELB: {} at {}", of.name, ctx.now());
    put(ctx, of, log, key, text).await
}
