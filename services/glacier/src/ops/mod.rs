//! What each operation does.

pub mod archive;
pub mod gate;
mod intake;
pub mod job;
pub mod job_output;
pub mod notification;
mod outlet;
pub mod retrieval;
pub mod tags;
pub mod upload;
pub mod upload_list;
pub mod vault;
pub mod vault_lock;
pub mod vault_policy;

pub(crate) use intake::store;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Ctx, Reader, Result};

use crate::errors;
use crate::rules::account::meant;
use crate::rules::vault::arn;
use crate::state::vault::{self as stored, Vault};

/// Digits of the ids that name jobs and uploads, and of those that name archives, as Glacier's.
const ID_LENGTH: usize = 92;
const ARCHIVE_ID_LENGTH: usize = 138;

/// The request's context, in the account that its path names.
fn place(ctx: &Ctx, account: &str) -> Result<Ctx> {
    Ok(ctx.in_scope(meant(ctx.scope(), account)?))
}

/// The vault of a request.
async fn find(ctx: &Ctx, name: &str) -> Result<Vault> {
    ctx.read(|snap| find_in(ctx, snap, name)).await
}

/// The same, to read on in the same snapshot.
fn find_in(ctx: &Ctx, from: &mut impl Reader, name: &str) -> Result<Vault> {
    let found = stored::find(from, ctx.scope(), name)?;
    found.ok_or_else(|| errors::no_such_vault(&arn(ctx.scope(), name)))
}

/// The vault again inside a transaction: it may have been deleted since, or its settings changed.
fn again(ctx: &Ctx, from: &mut impl Reader, before: &Vault) -> Result<Vault> {
    let found = stored::find(from, ctx.scope(), &before.name)?.filter(|found| found.id == before.id);
    found.ok_or_else(|| errors::no_such_vault(&arn(ctx.scope(), &before.name)))
}

/// Changes what is set of a vault.
async fn change(ctx: &Ctx, name: &str, edit: impl Fn(&mut Vault) -> Result<()> + Send + Sync) -> Result<()> {
    ctx.write(|tx| {
        let mut vault = find_in(ctx, tx, name)?;
        edit(&mut vault)?;
        stored::put(tx, &vault)
    })
    .await
}

/// Where something of a vault is found: `/account/vaults/name` and the rest.
fn location(ctx: &Ctx, vault: &str, rest: &str) -> Option<String> {
    Some(format!("/{}/vaults/{vault}{rest}", ctx.account()))
}

/// A new id. It never begins with a hyphen, which command lines take for an option.
fn new_id(ctx: &Ctx, length: usize) -> String {
    let mut bytes = [0; 104];
    ctx.ids().0.fill(&mut bytes);
    let mut id = URL_SAFE_NO_PAD.encode(bytes).replace('-', "_");
    id.truncate(length);
    id
}

/// Where a list goes on, sealed into a marker.
fn opened(ctx: &Ctx, list: &str, marker: Option<&str>) -> Result<Option<String>> {
    let open = |marker: &str| {
        let position = ctx.open_page(list, marker).and_then(|bytes| String::from_utf8(bytes).ok());
        position.ok_or_else(|| errors::invalid(format!("Invalid marker: {marker}")))
    };
    marker.map(open).transpose()
}
