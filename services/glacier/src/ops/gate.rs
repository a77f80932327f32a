//! What decides on a vault's own side, for the gate: its policies, its tags, the age of an archive.

use std::borrow::Cow;

use kernel::authorize::{Asked, Attached};
use kernel::{Arn, BoxFuture, Conditions, Ctx, ResourceFacts, ResourcePolicy, Result};

use crate::rules::archive::age_days;
use crate::rules::vault::{arn, of_resource};
use crate::state::policy::Compiled;
use crate::state::{archive, vault};

/// The policies of a vault, and the age of the archive that is meant: policies know it by its vault.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move {
        let Some((name, archive_id)) = of_resource(&asked.arn.resource) else {
            return Ok(Attached::default());
        };
        let (scope, now) = (*ctx.scope(), ctx.now());
        let named = Attached { arn: Some(arn(&scope, name)), ..Attached::default() };
        let found = ctx
            .read(|snap| {
                let Some(vault) = vault::find(snap, &scope, name)? else { return Ok(None) };
                let archive = archive_id.map(|id| archive::find(snap, &scope, &vault, id)).transpose()?;
                Ok(Some((vault, archive.flatten())))
            })
            .await?;
        let Some((vault, archive)) = found else { return Ok(named) };
        let lock = vault.lock(now).map(|lock| lock.policy.decides());
        let policy = ctx.own::<Compiled>().get(vault.policy.as_ref().map(ResourcePolicy::decides), lock);
        let age = archive.map(|archive| age_days(archive.created_at, now).to_string());
        let key = Cow::Borrowed("glacier:ArchiveAgeInDays");
        let conditions: Conditions = age.map(|age| (key, vec![age])).into_iter().collect();
        Ok(Attached { policy, conditions, ..named })
    })
}

/// The tags of a vault.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let Some((name, _)) = of_resource(&arn.resource) else { return Ok(None) };
    let found = ctx.read(|snap| vault::find(snap, ctx.scope(), name)).await?;
    Ok(found.map(|vault| ResourceFacts { has_own_tag_key: true, ..ResourceFacts::tagged(&vault.tags) }))
}
