//! The operations, one file per resource.

pub mod alias;
pub mod ciphertext;
pub mod data_key;
pub mod gate;
pub mod grant;
pub mod import;
pub mod key;
pub mod key_state;
pub mod mac;
pub mod policy;
pub mod replica;
pub mod rotation;
pub mod signature;
pub mod tags;

use kernel::{Ctx, Result, Scope, Tx};

use self::key::make_managed;
use crate::errors;
use crate::rules::alias as names;
use crate::rules::material::{generate, id_of};
use crate::rules::reference::{Reference, key_arn};
use crate::rules::spec::Spec;
use crate::state::alias as aliases;
use crate::state::key::{self as keys, Key};
use crate::state::material::{Sealed, Vault};

/// A key that a request named, and where it lies.
pub struct Found {
    pub scope: Scope,
    pub arn: String,
    pub key: Key,
}

/// Finds the key a request names. Keys of AWS's services are made when a service first asks for them.
pub async fn find(ctx: &Ctx, text: &str) -> Result<Found> {
    let reference = Reference::parse(ctx.scope(), text)?;
    if let Some(found) = look_up(ctx, &reference).await? {
        return Ok(found);
    }
    match &reference {
        Reference::Alias { name, .. } => match names::service_of(name) {
            Some(service) if ctx.caller().is_internal() => make_managed(ctx, &reference, service).await,
            _ => Err(errors::no_such_alias(&reference.arn(ctx.scope()))),
        },
        Reference::Key { .. } => Err(errors::no_such_key(&reference.arn(ctx.scope()))),
    }
}

async fn look_up(ctx: &Ctx, reference: &Reference) -> Result<Option<Found>> {
    let scope = reference.scope(ctx.scope());
    let key = ctx
        .read(|snap| match reference {
            Reference::Key { id, .. } => keys::find(snap, &scope, id),
            Reference::Alias { name, .. } => match aliases::find(snap, &scope, name)? {
                Some(alias) => keys::find(snap, &scope, &alias.target),
                None => Ok(None),
            },
        })
        .await?;
    Ok(key.map(|key| Found { scope, arn: key_arn(&scope, &key.id), key }))
}

/// Finds a key that must be named by id or ARN.
pub async fn find_by_id(ctx: &Ctx, text: &str) -> Result<Found> {
    match Reference::parse(ctx.scope(), text)? {
        Reference::Key { .. } => find(ctx, text).await,
        Reference::Alias { .. } => Err(errors::invalid_key_id(text)),
    }
}

/// Changes a key in a transaction of its own: `f` sees it as it is now, and may refuse.
pub async fn change<T: Send>(
    ctx: &Ctx,
    found: &Found,
    mut f: impl FnMut(&mut Tx<'_, '_>, &mut Key) -> Result<T> + Send,
) -> Result<T> {
    ctx.write(|tx| {
        let now = keys::find(tx, &found.scope, &found.key.id)?;
        let before = now.ok_or_else(|| errors::no_such_key(&found.arn))?;
        let mut after = before.clone();
        let value = f(tx, &mut after)?;
        if after != before {
            keys::put(tx, &found.scope, &after)?;
        }
        Ok(value)
    })
    .await
}

/// New material: its id, and itself sealed. RSA keys are searched for beside the requests.
pub async fn make_material(ctx: &Ctx, scope: &Scope, key_id: &str, spec: Spec) -> Result<(String, Sealed)> {
    let bytes = make_secret(spec).await?;
    let id = id_of(key_id, &bytes);
    let sealed = ctx.own::<Vault>().seal(scope, key_id, &id, &bytes)?;
    Ok((id, sealed))
}

pub async fn make_secret(spec: Spec) -> Result<Vec<u8>> {
    let made = if spec.is_rsa() {
        tokio::task::spawn_blocking(move || generate(spec)).await.map_err(kernel::Error::internal)?
    } else {
        generate(spec)
    };
    made.map_err(|_| errors::broken())
}

/// Refuses tokens of grants that we did not seal. True ones add nothing: a grant holds from its answer on.
pub fn check_tokens(ctx: &Ctx, tokens: Option<&[String]>) -> Result<()> {
    let bad = tokens.unwrap_or_default().iter().any(|token| grant::read_token(ctx, token).is_none());
    if bad { Err(errors::invalid_grant_token()) } else { Ok(()) }
}

/// Ends a request that only wanted to know.
pub fn end_dry_run(dry_run: Option<bool>) -> Result<()> {
    if dry_run == Some(true) { Err(errors::dry_run()) } else { Ok(()) }
}

/// Rows of a page.
pub fn page_size(limit: Option<i32>, default: usize, max: usize) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default).clamp(1, max)
}

/// Where a page begins, from its marker.
pub fn open_marker(ctx: &Ctx, operation: &str, marker: Option<&str>) -> Result<Option<Vec<u8>>> {
    let Some(marker) = marker else { return Ok(None) };
    ctx.open_page(operation, marker).map(Some).ok_or_else(errors::invalid_marker)
}

/// Cuts a page out of rows read with one to spare; gives the marker of the next.
pub fn cut<T>(
    ctx: &Ctx,
    operation: &str,
    rows: &mut Vec<T>,
    size: usize,
    position: impl Fn(&T) -> Vec<u8>,
) -> Option<String> {
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more)?;
    Some(ctx.seal_page(operation, &position(last)))
}
