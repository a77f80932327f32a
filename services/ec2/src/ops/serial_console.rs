//! Whether an account may use the serial consoles of its instances, in a region.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::block_public_access::MANAGED_BY;
use super::page::check_dry_run;
use crate::state::serial_console;

async fn set(ctx: &Ctx, is_allowed: bool) -> Result<()> {
    ctx.write(|tx| serial_console::put(tx, ctx.scope(), is_allowed)).await
}

pub async fn enable_serial_console_access(
    ctx: &Ctx,
    input: api::EnableSerialConsoleAccessRequest,
) -> Result<api::EnableSerialConsoleAccessResult> {
    check_dry_run(input.dry_run)?;
    set(ctx, true).await?;
    Ok(api::EnableSerialConsoleAccessResult { serial_console_access_enabled: Some(true) })
}

pub async fn disable_serial_console_access(
    ctx: &Ctx,
    input: api::DisableSerialConsoleAccessRequest,
) -> Result<api::DisableSerialConsoleAccessResult> {
    check_dry_run(input.dry_run)?;
    set(ctx, false).await?;
    Ok(api::DisableSerialConsoleAccessResult { serial_console_access_enabled: Some(false) })
}

pub async fn get_serial_console_access_status(
    ctx: &Ctx,
    input: api::GetSerialConsoleAccessStatusRequest,
) -> Result<api::GetSerialConsoleAccessStatusResult> {
    check_dry_run(input.dry_run)?;
    let is_allowed = ctx.read(|snap| serial_console::is_allowed(snap, ctx.scope())).await?;
    Ok(api::GetSerialConsoleAccessStatusResult {
        serial_console_access_enabled: Some(is_allowed),
        managed_by: Some(MANAGED_BY.to_owned()),
    })
}
