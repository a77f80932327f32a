//! Archives put away in parts: begin, parts, complete, abort.

use api_glacier::{
    AbortMultipartUploadInput, ArchiveCreationOutput, CompleteMultipartUploadInput,
    InitiateMultipartUploadInput, InitiateMultipartUploadOutput, UploadMultipartPartInput,
    UploadMultipartPartOutput,
};
use kernel::{Ctx, Reader, Result};

use super::archive::created;
use super::intake::take_in;
use super::{ARCHIVE_ID_LENGTH, ID_LENGTH, again, find, find_in, location, new_id, place};
use crate::errors;
use crate::rules::archive::check_description;
use crate::rules::upload::{PARTS_MAX, archive_size, check_part, check_whole, part_size};
use crate::rules::{range, tree_hash};
use crate::state::archive::{self, Archive};
use crate::state::bytes;
use crate::state::upload::{self as stored, Done, Part, Upload};
use crate::state::vault::Vault;

/// All the parts an upload may have.
const ALL: usize = 10_000;
const _: () = assert!(ALL as u64 == PARTS_MAX);

pub async fn initiate_multipart_upload(
    ctx: &Ctx,
    input: InitiateMultipartUploadInput,
) -> Result<InitiateMultipartUploadOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let upload = Upload {
        id: new_id(ctx, ID_LENGTH),
        description: check_description(input.archive_description)?,
        part_size: part_size(input.part_size.as_deref())?,
        created_at: ctx.now(),
        done: None,
    };
    ctx.write(|tx| {
        let vault = find_in(ctx, tx, &input.vault_name)?;
        stored::put(tx, &vault.id, &upload)
    })
    .await?;
    ctx.count("Requests-Tier1", 1);
    let location = location(ctx, &input.vault_name, &format!("/multipart-uploads/{}", upload.id));
    Ok(InitiateMultipartUploadOutput { location, upload_id: Some(upload.id) })
}

/// An upload that still takes parts.
pub(super) fn open(from: &mut impl Reader, ctx: &Ctx, vault: &Vault, id: &str) -> Result<Upload> {
    let found = stored::find(from, ctx.scope(), &vault.id, id)?.filter(|upload| upload.done.is_none());
    found.ok_or_else(|| errors::no_such_upload(id))
}

pub async fn upload_multipart_part(
    ctx: &Ctx,
    input: UploadMultipartPartInput,
) -> Result<UploadMultipartPartOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let promised = tree_hash::promised(input.checksum.as_deref())?;
    let range = range::of_part(input.range.as_deref())?;
    let found = find(ctx, &input.vault_name).await?;
    let upload = ctx.read(|snap| open(snap, ctx, &found, &input.upload_id)).await?;
    check_part(&range, upload.part_size)?;
    let length = range.end - range.start;
    let taken = take_in(ctx, &found, &input.body, length..=length, promised).await?;
    let part = Part { start: range.start, segment: taken.segment };
    ctx.write(|tx| {
        let vault = again(ctx, tx, &found)?;
        let upload = open(tx, ctx, &vault, &input.upload_id)?;
        bytes::hold(tx, &part.segment, &taken.leaves)?;
        stored::put_part(tx, &vault.id, &upload, &part)
    })
    .await?;
    ctx.count("Requests-Tier1", 1);
    Ok(UploadMultipartPartOutput { checksum: Some(part.segment.tree_hash) })
}

/// Who asks again is told the same again.
pub async fn complete_multipart_upload(
    ctx: &Ctx,
    input: CompleteMultipartUploadInput,
) -> Result<ArchiveCreationOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let promised = tree_hash::promised(input.checksum.as_deref())?;
    let size = archive_size(input.archive_size.as_deref())?;
    let id = new_id(ctx, ARCHIVE_ID_LENGTH);
    let done = ctx
        .write(|tx| {
            let mut vault = find_in(ctx, tx, &input.vault_name)?;
            let upload = stored::find(tx, ctx.scope(), &vault.id, &input.upload_id)?;
            let upload = upload.ok_or_else(|| errors::no_such_upload(&input.upload_id))?;
            if let Some(done) = upload.done {
                tree_hash::check(&promised, &tree_hash::parse(&done.tree_hash)?)?;
                return if done.size == size { Ok(done) } else { check_whole(&[], 1, size).map(|()| done) };
            }
            let parts = stored::parts(tx, ctx.scope(), &vault.id, &upload.id, None, ALL)?;
            let ranges: Vec<_> =
                parts.iter().map(|part| part.start..part.start + part.segment.size).collect();
            check_whole(&ranges, upload.part_size, size)?;
            let hashes = parts.iter().map(|part| tree_hash::parse(&part.segment.tree_hash));
            let hash = tree_hash::join(hashes.collect::<Result<_>>()?);
            let hash = hash.ok_or_else(|| errors::damaged("an upload's parts"))?;
            tree_hash::check(&promised, &hash)?;
            let done = Done { archive_id: id.clone(), size, tree_hash: tree_hash::to_hex(&hash) };
            let archive = Archive {
                id: id.clone(),
                description: upload.description.clone(),
                created_at: ctx.now(),
                size,
                tree_hash: done.tree_hash.clone(),
                part_size: upload.part_size,
                needed_until: 0,
            };
            stored::forget_parts(tx, &vault.id, &upload.id, &parts)?;
            let segments: Vec<_> = parts.into_iter().map(|part| part.segment).collect();
            archive::insert(tx, &mut vault, &archive, &segments)?;
            stored::put(tx, &vault.id, &Upload { done: Some(done.clone()), ..upload })?;
            Ok(done)
        })
        .await?;
    ctx.count("Requests-Tier1", 1);
    Ok(created(ctx, &input.vault_name, done.archive_id, done.tree_hash))
}

pub async fn abort_multipart_upload(ctx: &Ctx, input: AbortMultipartUploadInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    ctx.write(|tx| {
        let vault = find_in(ctx, tx, &input.vault_name)?;
        let upload = open(tx, ctx, &vault, &input.upload_id)?;
        let parts = stored::parts(tx, ctx.scope(), &vault.id, &upload.id, None, ALL)?;
        stored::end(tx, &vault.id, &upload.id, &parts)
    })
    .await
}

/// Ends an upload that nobody went on with for a day.
pub async fn lapse(ctx: &Ctx, name: String) -> Result<()> {
    let Some((vault, upload)) = name.split_once('/') else { return Ok(()) };
    ctx.write(|tx| {
        let parts = stored::parts(tx, ctx.scope(), vault, upload, None, ALL)?;
        stored::end(tx, vault, upload, &parts)
    })
    .await
}
