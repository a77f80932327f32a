//! The attributes of a queue: show and set.

use api_sqs::{GetQueueAttributesRequest, GetQueueAttributesResult, SetQueueAttributesRequest};
use kernel::{Ctx, ResourcePolicy, Result};

use super::queue_at;
use crate::errors;
use crate::rules::attributes;
use crate::state::open::OpenQueue;
use crate::state::queue::{self, Queue};

pub async fn get_queue_attributes(
    ctx: &Ctx,
    input: GetQueueAttributesRequest,
) -> Result<GetQueueAttributesResult> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let counts = open.index().counts(ctx.now());
    let record = open.record();
    let all = attributes::all(&record, &open.arn, counts);
    let mut chosen = attributes::choose(all, &input.attribute_names.unwrap_or_default())?;
    if let (Some(text), Some(policy)) = (chosen.get_mut("Policy"), &record.settings.policy) {
        *text = ctx.shown_policy(policy.clone()).await?;
    }
    Ok(GetQueueAttributesResult { attributes: (!chosen.is_empty()).then_some(chosen) })
}

pub async fn set_queue_attributes(ctx: &Ctx, input: SetQueueAttributesRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let given = input.attributes;
    super::dead_letter::check_target(ctx, &open.scope, &open.name, open.fifo, &given).await?;
    let fifo = open.fifo;
    let policy = match given.contains_key("Policy") {
        true => {
            let mut wanted = open.record().settings.clone();
            attributes::apply(&mut wanted, fifo, &given)?;
            Some(name_principals(ctx, wanted.policy).await?)
        }
        false => None,
    };
    change(ctx, &open, move |queue| {
        attributes::apply(&mut queue.settings, fifo, &given)?;
        if let Some(policy) = &policy {
            queue.settings.policy.clone_from(policy);
        }
        Ok(())
    })
    .await
}

/// A policy to be stored, with the ids of whom it names.
///
/// # Errors
/// *InvalidAttributeValue*, where somebody is not there.
pub(super) async fn name_principals(
    ctx: &Ctx,
    policy: Option<ResourcePolicy>,
) -> Result<Option<ResourcePolicy>> {
    let Some(policy) = policy else { return Ok(None) };
    ctx.resource_policy(policy.text().to_owned(), |_| errors::bad_attribute("Policy")).await.map(Some)
}

/// Changes the stored queue, then the one in memory.
pub(super) async fn change(
    ctx: &Ctx,
    open: &std::sync::Arc<OpenQueue>,
    f: impl Fn(&mut Queue) -> Result<()> + Send + Sync + 'static,
) -> Result<()> {
    let (task_ctx, open) = (ctx.clone(), open.clone());
    ctx.see_through(async move {
        let ctx = task_ctx;
        let _turn = open.changing.lock().await;
        let now = ctx.now();
        let changed = ctx
            .write(|tx| {
                let before = queue::find(tx, &open.scope, &open.name)?.filter(|queue| queue.id == open.id);
                let before = before.ok_or_else(errors::no_such_queue)?;
                let mut changed = before.clone();
                f(&mut changed)?;
                if changed.settings != before.settings {
                    changed.modified_at = now;
                }
                queue::put(tx, &open.scope, Some(&before), &changed)?;
                Ok(changed)
            })
            .await?;
        open.set_record(changed);
        // Shorter times may end a wait.
        open.ring(1);
        Ok(())
    })
    .await
}
