//! What an account may retrieve, and the capacity it buys.

use api_glacier::{
    GetDataRetrievalPolicyInput, GetDataRetrievalPolicyOutput, ListProvisionedCapacityInput,
    ListProvisionedCapacityOutput, ProvisionedCapacityDescription, PurchaseProvisionedCapacityInput,
    PurchaseProvisionedCapacityOutput, SetDataRetrievalPolicyInput,
};
use kernel::{Ctx, Result};

use super::place;
use crate::errors;
use crate::meter;
use crate::rules::retrieval::{CAPACITY_LASTS_MS, CAPACITY_UNITS_MAX, Capacity, read, shown};
use crate::rules::time::iso;
use crate::state::retrieval as stored;

pub async fn set_data_retrieval_policy(ctx: &Ctx, input: SetDataRetrievalPolicyInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = read(input.policy)?;
    ctx.write(|tx| stored::set_limit(tx, limit)).await
}

pub async fn get_data_retrieval_policy(
    ctx: &Ctx,
    input: GetDataRetrievalPolicyInput,
) -> Result<GetDataRetrievalPolicyOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = ctx.read(|snap| stored::limit(snap, ctx.scope())).await?;
    Ok(GetDataRetrievalPolicyOutput { policy: Some(shown(limit)) })
}

/// A unit is a promise that expedited retrievals are taken. Here all are; it is listed, and billed.
pub async fn purchase_provisioned_capacity(
    ctx: &Ctx,
    input: PurchaseProvisionedCapacityInput,
) -> Result<PurchaseProvisionedCapacityOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let now = ctx.now();
    let unit = Capacity { id: ctx.ids().hex(32), from: now, until: now + CAPACITY_LASTS_MS };
    ctx.write(|tx| {
        if stored::capacity(tx, ctx.scope(), now)?.len() >= CAPACITY_UNITS_MAX {
            let message = format!("An account can have at most {CAPACITY_UNITS_MAX} units of capacity.");
            return Err(errors::over_limit(message));
        }
        tx.meter(&meter::capacity(&unit))?;
        stored::add_capacity(tx, &unit)
    })
    .await?;
    Ok(PurchaseProvisionedCapacityOutput { capacity_id: Some(unit.id) })
}

pub async fn list_provisioned_capacity(
    ctx: &Ctx,
    input: ListProvisionedCapacityInput,
) -> Result<ListProvisionedCapacityOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let units = ctx.read(|snap| stored::capacity(snap, ctx.scope(), ctx.now())).await?;
    let shown = units.into_iter().map(|unit| ProvisionedCapacityDescription {
        capacity_id: Some(unit.id),
        start_date: Some(iso(unit.from)),
        expiration_date: Some(iso(unit.until)),
    });
    Ok(ListProvisionedCapacityOutput { provisioned_capacity_list: Some(shown.collect()) })
}
