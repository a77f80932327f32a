//! Archives: put away in one request, and deleted.

use api_glacier::{ArchiveCreationOutput, DeleteArchiveInput, UploadArchiveInput};
use kernel::{Ctx, Result};

use super::intake::take_in;
use super::{ARCHIVE_ID_LENGTH, again, find, find_in, location, new_id, place};
use crate::errors;
use crate::rules::archive::{UPLOAD_BYTES_MAX, check_description};
use crate::rules::tree_hash::promised;
use crate::state::archive::{self as stored, Archive};
use crate::state::bytes;

pub async fn upload_archive(ctx: &Ctx, input: UploadArchiveInput) -> Result<ArchiveCreationOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let promised = promised(input.checksum.as_deref())?;
    let description = check_description(input.archive_description)?;
    let found = find(ctx, &input.vault_name).await?;
    let taken = take_in(ctx, &found, &input.body, 1..=UPLOAD_BYTES_MAX, promised).await?;
    let archive = Archive {
        id: new_id(ctx, ARCHIVE_ID_LENGTH),
        description,
        created_at: ctx.now(),
        size: taken.segment.size,
        tree_hash: taken.segment.tree_hash.clone(),
        part_size: UPLOAD_BYTES_MAX,
        needed_until: 0,
    };
    ctx.write(|tx| {
        let mut vault = again(ctx, tx, &found)?;
        bytes::hold(tx, &taken.segment, &taken.leaves)?;
        stored::insert(tx, &mut vault, &archive, std::slice::from_ref(&taken.segment))
    })
    .await?;
    ctx.count("Requests-Tier1", 1);
    Ok(created(ctx, &found.name, archive.id, archive.tree_hash))
}

/// What is told of a new archive.
pub(super) fn created(ctx: &Ctx, vault: &str, id: String, tree_hash: String) -> ArchiveCreationOutput {
    ArchiveCreationOutput {
        location: location(ctx, vault, &format!("/archives/{id}")),
        checksum: Some(tree_hash),
        archive_id: Some(id),
    }
}

/// To delete what is deleted already succeeds, as long as it could have been ours.
pub async fn delete_archive(ctx: &Ctx, input: DeleteArchiveInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    if input.archive_id.len() != ARCHIVE_ID_LENGTH {
        return Err(errors::invalid(format!("Invalid archive ID: {}", input.archive_id)));
    }
    ctx.write(|tx| {
        let mut vault = find_in(ctx, tx, &input.vault_name)?;
        match stored::find(tx, ctx.scope(), &vault, &input.archive_id)? {
            Some(archive) => stored::delete(tx, &mut vault, &archive),
            None => Ok(()),
        }
    })
    .await
}
