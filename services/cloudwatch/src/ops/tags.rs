//! Tags of alarms.

use api_cloudwatch::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use kernel::{Arn, Ctx, ResourceFacts, Result};

use crate::errors;
use crate::rules::tags;
use crate::state::alarm::{self, Alarm, Alarms, arn};

/// The name in an alarm's ARN.
fn name_of(ctx: &Ctx, resource: &str) -> Result<String> {
    let name = resource.strip_prefix(&arn(ctx.scope(), ""));
    name.map(str::to_owned).ok_or_else(|| errors::no_such_resource(resource))
}

async fn change(ctx: &Ctx, resource: &str, f: impl Fn(&mut Alarm) -> Result<()> + Send + Sync) -> Result<()> {
    let name = name_of(ctx, resource)?;
    ctx.write(|tx| {
        let found = alarm::find(tx, ctx.scope(), &name)?;
        let mut alarm = found.ok_or_else(|| errors::no_such_resource(resource))?;
        f(&mut alarm)?;
        alarm.revision += 1;
        alarm::put(tx, ctx.scope(), &alarm)
    })
    .await?;
    alarm::refresh(ctx, &[name]).await
}

pub async fn tag_resource(ctx: &Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    change(ctx, &input.resource_arn, |alarm| tags::add(&mut alarm.tags, input.tags.clone())).await?;
    Ok(TagResourceOutput::default())
}

pub async fn untag_resource(ctx: &Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    change(ctx, &input.resource_arn, |alarm| {
        alarm.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(UntagResourceOutput::default())
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let name = name_of(ctx, &input.resource_arn)?;
    let alarm = ctx.own::<Alarms>().find(ctx.scope(), &name);
    let alarm = alarm.ok_or_else(|| errors::no_such_resource(&input.resource_arn))?;
    let shown = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    Ok(ListTagsForResourceOutput { tags: Some(alarm.tags.iter().map(shown).collect()) })
}

/// What conditions of policies may ask about an alarm.
pub async fn facts_of(ctx: &Ctx, of: Arn) -> Result<Option<ResourceFacts>> {
    let Some(name) = of.resource.strip_prefix("alarm:") else { return Ok(None) };
    let alarm = ctx.own::<Alarms>().find(ctx.scope(), name);
    Ok(alarm.map(|alarm| ResourceFacts::tagged(&alarm.tags)))
}
