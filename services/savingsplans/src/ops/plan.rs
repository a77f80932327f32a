//! Plans bought, called off while they wait, and given back.

use api_savingsplans as api;
use kernel::tokens::{Once, fingerprint};
use kernel::{Ctx, Result};

use super::{get, offering};
use crate::rules::plan::{self as rules, SavingsPlan};
use crate::rules::tag::{self, Tags};
use crate::state::{at_home, plan};
use crate::{errors, meter};

/// Plans of an account. AWS names no number.
const PLANS_MAX: usize = 1_000;

/// # Errors
/// `ResourceNotFoundException` for the offering, `ValidationException`, `ServiceQuotaExceededException`.
pub async fn create_savings_plan(
    ctx: &Ctx,
    input: api::CreateSavingsPlanRequest,
) -> Result<api::CreateSavingsPlanResponse> {
    let once = Once::new("CreateSavingsPlan", input.client_token.as_ref(), fingerprint(&input));
    let commitment = rules::check_commitment(&input.commitment)?;
    let offering = offering::find(&input.savings_plan_offering_id, ctx.partition())?;
    let cost = rules::cost(&offering, commitment, input.upfront_payment_amount.as_deref())?;
    let mut tags = Tags::new();
    tag::add(&mut tags, input.tags.iter().flatten())?;
    let asked = input.purchase_time.map(shape::Timestamp::as_millis);
    let made = at_home(ctx)
        .write(|tx| {
            if let Some(made) = once.find(tx, errors::token_mismatched)? {
                return Ok(made);
            }
            let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
            if plan::all(tx, &scope)?.len() >= PLANS_MAX {
                return Err(errors::too_many("Savings Plans", PLANS_MAX));
            }
            let mut new = SavingsPlan {
                id: tx.ctx().ids().uuid(),
                offering: offering.clone(),
                commitment,
                cost,
                start_at: rules::check_start(asked, now)?,
                deleted_at: None,
                returned_at: None,
                hours_metered: 0,
                tags: tags.clone(),
            };
            let (lines, until) = meter::due(&new, now);
            for line in &lines {
                tx.meter(line)?;
            }
            new.hours_metered = until;
            plan::put(tx, &scope, &new)?;
            once.remember(tx, &new.id)?;
            Ok(new.id)
        })
        .await?;
    Ok(api::CreateSavingsPlanResponse { savings_plan_id: Some(made) })
}

/// # Errors
/// `ResourceNotFoundException`, `ValidationException` for one that has begun.
pub async fn delete_queued_savings_plan(
    ctx: &Ctx,
    input: api::DeleteQueuedSavingsPlanRequest,
) -> Result<api::DeleteQueuedSavingsPlanResponse> {
    let ctx = at_home(ctx);
    ctx.write(|tx| {
        let mut one = get(tx, &ctx, &input.savings_plan_id)?;
        one.check_deletion(ctx.now())?;
        one.deleted_at = Some(ctx.now());
        plan::put(tx, ctx.scope(), &one)
    })
    .await?;
    Ok(api::DeleteQueuedSavingsPlanResponse {})
}

/// # Errors
/// `ResourceNotFoundException`, `ValidationException`, `ServiceQuotaExceededException`.
pub async fn return_savings_plan(
    ctx: &Ctx,
    input: api::ReturnSavingsPlanRequest,
) -> Result<api::ReturnSavingsPlanResponse> {
    let once = Once::new("ReturnSavingsPlan", input.client_token.as_ref(), fingerprint(&input));
    let ctx = at_home(ctx);
    let returned = ctx
        .write(|tx| {
            if let Some(returned) = once.find(tx, errors::token_mismatched)? {
                return Ok(returned);
            }
            let mut one = get(tx, &ctx, &input.savings_plan_id)?;
            one.check_return(&plan::all(tx, ctx.scope())?, ctx.now())?;
            for line in meter::undone(&one) {
                tx.meter(&line)?;
            }
            one.returned_at = Some(ctx.now());
            plan::put(tx, ctx.scope(), &one)?;
            once.remember(tx, &one.id)?;
            Ok(one.id)
        })
        .await?;
    Ok(api::ReturnSavingsPlanResponse { savings_plan_id: Some(returned) })
}
