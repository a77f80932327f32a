//! Jobs: asked for, looked at, listed.

use api_glacier::{
    DescribeJobInput, GlacierJobDescription, InitiateJobInput, InitiateJobOutput, ListJobsInput,
    ListJobsOutput,
};
use kernel::{Ctx, Millis, Reader, Result, Scope, Tx};

use super::{ID_LENGTH, find_in, location, new_id, opened, place};
use crate::errors;
use crate::meter;
use crate::rules::inventory::{Wanted, marker_of};
use crate::rules::job::{Asked, Job, KEPT_MS, Kind, Retrieval, Taking, Tier, What};
use crate::rules::tree_hash::{self, LEAF_BYTES};
use crate::rules::{job as rules, page, range, retrieval as limits};
use crate::state::bytes::{self, GRACE_MS, Segment};
use crate::state::vault::Vault;
use crate::state::{archive, job as stored, retrieval};

/// The setting that divides the time a job takes: that of every archive of this cloud.
pub const SPEED: &str = "s3.restore-speed";
/// Jobs in an answer (API reference, "List Jobs").
const PAGE_MAX: usize = 50;
const LIST: &str = "ListJobs";

/// How fast archives are given back.
pub struct Speed(pub u32);

pub async fn initiate_job(ctx: &Ctx, input: InitiateJobInput) -> Result<InitiateJobOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let asked = rules::read(input.job_parameters)?;
    let id = new_id(ctx, ID_LENGTH);
    let tier = ctx
        .write(|tx| {
            let vault = find_in(ctx, tx, &input.vault_name)?;
            begin(tx, &vault, &id, &asked)
        })
        .await?;
    ctx.count(requests(tier), 1);
    let location = location(ctx, &input.vault_name, &format!("/jobs/{id}"));
    Ok(InitiateJobOutput { location, job_id: Some(id), job_output_path: None })
}

fn requests(tier: Option<Tier>) -> &'static str {
    match tier {
        Some(Tier::Expedited) => "Expedited-Retrieval-Requests",
        Some(Tier::Standard) => "Standard-Retrieval-Requests",
        Some(Tier::Bulk) => "Bulk-Retrieval-Requests",
        None => "Requests-Tier2",
    }
}

fn begin(tx: &mut Tx<'_, '_>, vault: &Vault, id: &str, asked: &Asked) -> Result<Option<Tier>> {
    let ctx = tx.ctx();
    let (now, speed) = (ctx.now(), ctx.own::<Speed>().0);
    let (kind, tier) = match &asked.what {
        What::Inventory(wanted) => {
            let marker = opened(ctx, &marker_of(&vault.id), wanted.marker.as_deref())?;
            let wanted = Wanted { marker, ..wanted.clone() };
            (Kind::Inventory(Taking { wanted, size: None, next: None }), None)
        }
        What::Archive { id: archive, range, tier } => {
            let until = now + tier.takes(speed) + KEPT_MS + GRACE_MS;
            (Kind::Archive(retrieve(tx, vault, id, (archive, range.as_deref(), *tier), until)?), Some(*tier))
        }
    };
    // Inventories take as long as a standard retrieval.
    let ready_at = now + tier.unwrap_or(Tier::Standard).takes(speed);
    let job = Job {
        id: id.to_owned(),
        vault: vault.name.clone(),
        description: asked.description.clone(),
        created_at: now,
        ready_at,
        ended: None,
        kind,
    };
    if let Some(usage) = meter::retrieval(&job) {
        tx.meter(&usage)?;
    }
    stored::put(tx, &vault.id, &job, ready_at)?;
    Ok(tier)
}

fn retrieve(
    tx: &mut Tx<'_, '_>,
    vault: &Vault,
    job: &str,
    (id, wanted, tier): (&str, Option<&str>, Tier),
    until: Millis,
) -> Result<Retrieval> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let found = archive::find(tx, &scope, vault, id)?.ok_or_else(|| errors::no_such_archive(id))?;
    let range = range::to_retrieve(wanted, found.size)?;
    let bytes = range.end - range.start;
    if tier == Tier::Standard {
        let (this_hour, this_day) = retrieval::asked(tx, &scope, now)?;
        limits::check(retrieval::limit(tx, &scope)?, bytes, this_hour, this_day)?;
        retrieval::ask(tx, bytes)?;
    }
    let segments = bytes::segments(tx, &scope, id)?;
    let is_aligned = tree_hash::is_aligned(range.start, range.end, found.size);
    let range_hash = match (bytes == found.size, is_aligned) {
        (true, _) => Some(found.tree_hash.clone()),
        (false, true) => hash_of(tx, &scope, &segments, found.part_size, &range)?,
        (false, false) => None,
    };
    bytes::put_segments(tx, job, &segments)?;
    let kept = archive::Archive { needed_until: found.needed_until.max(until), ..found };
    archive::update(tx, vault, &kept)?;
    Ok(Retrieval {
        archive_id: kept.id,
        description: kept.description,
        size: kept.size,
        tree_hash: kept.tree_hash,
        part_size: kept.part_size,
        start: range.start,
        end: range.end,
        range_hash,
        tier,
    })
}

/// The tree hash of a range under one node: of whole segments by theirs, within one by its leaves.
pub(super) fn hash_of(
    from: &mut impl Reader,
    scope: &Scope,
    segments: &[Segment],
    part_size: u64,
    range: &std::ops::Range<u64>,
) -> Result<Option<String>> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let first = range.start / part_size;
    let nodes = if range.end - range.start > part_size {
        let within = segments.iter().take(place(range.end.div_ceil(part_size))).skip(place(first));
        within.map(|segment| tree_hash::parse(&segment.tree_hash)).collect::<Result<_>>()?
    } else {
        let Some(segment) = segments.get(place(first)) else { return Ok(None) };
        let begins = first * part_size;
        let leaves = bytes::leaves(from, scope, segment)?;
        let (from, until) = (range.start - begins, (range.end - begins).div_ceil(LEAF_BYTES));
        leaves.into_iter().take(place(until)).skip(place(from / LEAF_BYTES)).collect()
    };
    Ok(tree_hash::join(nodes).map(|hash| tree_hash::to_hex(&hash)))
}

pub async fn describe_job(ctx: &Ctx, input: DescribeJobInput) -> Result<GlacierJobDescription> {
    let ctx = &place(ctx, &input.account_id)?;
    let (vault, job) = find_job(ctx, &input.vault_name, &input.job_id).await?;
    Ok(job.shown(vault.arn(ctx.scope())))
}

pub(super) async fn find_job(ctx: &Ctx, vault: &str, id: &str) -> Result<(Vault, Job)> {
    ctx.read(|snap| {
        let vault = find_in(ctx, snap, vault)?;
        let job = stored::find(snap, ctx.scope(), &vault.id, id)?.filter(|job| !job.is_over(ctx.now()));
        Ok((vault, job.ok_or_else(|| errors::no_such_job(id))?))
    })
    .await
}

pub async fn list_jobs(ctx: &Ctx, input: ListJobsInput) -> Result<ListJobsOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = page::limit(input.limit.as_deref(), PAGE_MAX)?;
    let completed = page::flag(input.completed.as_deref(), "completed")?;
    let status = input.statuscode.as_deref();
    if let Some(other) = status.filter(|status| !["InProgress", "Succeeded", "Failed"].contains(status)) {
        return Err(errors::invalid(format!("Invalid statuscode: {other}")));
    }
    let begins = opened(ctx, LIST, input.marker.as_deref())?;
    let wanted = |job: &Job| {
        !job.is_over(ctx.now())
            && status.is_none_or(|status| job.status() == status)
            && completed.is_none_or(|completed| job.ended.is_some() == completed)
    };
    let (vault, jobs, more) = ctx
        .read(|snap| {
            let vault = find_in(ctx, snap, &input.vault_name)?;
            let (mut after, mut jobs) = (begins.clone(), Vec::new());
            loop {
                let page = stored::list(snap, ctx.scope(), &vault.id, after.as_deref(), PAGE_MAX)?;
                let ended = page.len() < PAGE_MAX;
                after = page.last().map(|job| job.id.clone()).or(after);
                for job in page.into_iter().filter(&wanted) {
                    if jobs.len() == limit {
                        return Ok((vault, jobs, true));
                    }
                    jobs.push(job);
                }
                if ended {
                    return Ok((vault, jobs, false));
                }
            }
        })
        .await?;
    let last = jobs.last().filter(|_| more);
    let marker = last.map(|job| ctx.seal_page(LIST, job.id.as_bytes()));
    let shown = jobs.iter().map(|job| job.shown(vault.arn(ctx.scope()))).collect();
    Ok(ListJobsOutput { job_list: Some(shown), marker })
}
