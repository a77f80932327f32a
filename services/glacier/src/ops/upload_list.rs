//! Uploads under way, and what has come of one.

use api_glacier::{
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, PartListElement,
    UploadListElement,
};
use kernel::{Ctx, Result};

use super::upload::open;
use super::{find_in, opened, place};
use crate::rules::time::iso;
use crate::rules::{page, range};
use crate::state::upload as stored;

/// Uploads or parts in an answer (API reference, "List Multipart Uploads", "List Parts").
const PAGE_MAX: usize = 50;
const UPLOADS: &str = "ListMultipartUploads";
const PARTS: &str = "ListParts";

pub async fn list_multipart_uploads(
    ctx: &Ctx,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = page::limit(input.limit.as_deref(), PAGE_MAX)?;
    let begins = opened(ctx, UPLOADS, input.marker.as_deref())?;
    let (vault, list, more) = ctx
        .read(|snap| {
            let vault = find_in(ctx, snap, &input.vault_name)?;
            let (mut after, mut list) = (begins.clone(), Vec::new());
            loop {
                let page = stored::list(snap, ctx.scope(), &vault.id, after.as_deref(), PAGE_MAX)?;
                let ended = page.len() < PAGE_MAX;
                after = page.last().map(|upload| upload.id.clone()).or(after);
                for upload in page.into_iter().filter(|upload| upload.done.is_none()) {
                    if list.len() == limit {
                        return Ok((vault, list, true));
                    }
                    list.push(upload);
                }
                if ended {
                    return Ok((vault, list, false));
                }
            }
        })
        .await?;
    let last = list.last().filter(|_| more);
    let marker = last.map(|upload| ctx.seal_page(UPLOADS, upload.id.as_bytes()));
    let shown = list.iter().map(|upload| UploadListElement {
        multipart_upload_id: Some(upload.id.clone()),
        vault_arn: Some(vault.arn(ctx.scope())),
        archive_description: upload.description.clone(),
        part_size_in_bytes: i64::try_from(upload.part_size).ok(),
        creation_date: Some(iso(upload.created_at)),
    });
    Ok(ListMultipartUploadsOutput { uploads_list: Some(shown.collect()), marker })
}

pub async fn list_parts(ctx: &Ctx, input: ListPartsInput) -> Result<ListPartsOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = page::limit(input.limit.as_deref(), PAGE_MAX)?;
    let after = opened(ctx, PARTS, input.marker.as_deref())?.and_then(|start| start.parse::<u64>().ok());
    let (vault, upload, mut parts) = ctx
        .read(|snap| {
            let vault = find_in(ctx, snap, &input.vault_name)?;
            let upload = open(snap, ctx, &vault, &input.upload_id)?;
            let parts = stored::parts(snap, ctx.scope(), &vault.id, &upload.id, after, limit + 1)?;
            Ok((vault, upload, parts))
        })
        .await?;
    let more = parts.len() > limit;
    parts.truncate(limit);
    let last = parts.last().filter(|_| more);
    let marker = last.map(|part| ctx.seal_page(PARTS, part.start.to_string().as_bytes()));
    let shown = parts.into_iter().map(|part| PartListElement {
        range_in_bytes: Some(range::shown(&(part.start..part.start + part.segment.size))),
        sha256_tree_hash: Some(part.segment.tree_hash),
    });
    Ok(ListPartsOutput {
        parts: Some(shown.collect()),
        vault_arn: Some(vault.arn(ctx.scope())),
        archive_description: upload.description,
        part_size_in_bytes: i64::try_from(upload.part_size).ok(),
        creation_date: Some(iso(upload.created_at)),
        multipart_upload_id: Some(upload.id),
        marker,
    })
}
