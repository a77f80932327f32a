//! What a job has brought.

use api_glacier::{GetJobOutputInput, GetJobOutputOutput};
use kernel::{Ctx, Result};

use super::job::{find_job, hash_of};
use super::outlet::read;
use super::place;
use crate::errors;
use crate::rules::job::{Kind, in_archive};
use crate::rules::range;
use crate::state::bytes::segments;

pub async fn get_job_output(ctx: &Ctx, input: GetJobOutputInput) -> Result<GetJobOutputOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let (vault, job) = find_job(ctx, &input.vault_name, &input.job_id).await?;
    let size = match &job.kind {
        Kind::Archive(of) => Some(of.end - of.start),
        Kind::Inventory(of) => of.size,
    };
    let size = size.filter(|_| job.has_output()).ok_or_else(|| errors::not_ready(&job.id))?;
    let wanted = input.range.as_deref().map(|header| range::of_output(header, size)).transpose()?;
    let content_range = wanted.as_ref().map(|wanted| format!("bytes {}/{size}", range::shown(wanted)));
    let wanted = wanted.unwrap_or(0..size);
    let segments = ctx.read(|snap| segments(snap, ctx.scope(), &job.id)).await?;
    let (lies, checksum, content_type, archive_description) = match job.kind {
        Kind::Inventory(of) => (wanted, None, of.wanted.format.content_type(), None),
        Kind::Archive(of) => {
            let (within, is_aligned) = in_archive(&of, &wanted);
            let hash = if wanted == (0..size) {
                of.range_hash
            } else if is_aligned {
                ctx.read(|snap| hash_of(snap, ctx.scope(), &segments, of.part_size, &within)).await?
            } else {
                None
            };
            (within, hash, "application/octet-stream", of.description)
        }
    };
    Ok(GetJobOutputOutput {
        body: read(ctx, vault, segments, lies).await?,
        checksum,
        status: Some(if content_range.is_some() { 206 } else { 200 }),
        content_range,
        accept_ranges: Some("bytes".to_owned()),
        content_type: Some(content_type.to_owned()),
        archive_description,
    })
}
