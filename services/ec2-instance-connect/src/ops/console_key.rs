//! Keys sent to the serial consoles of instances.

use api_ec2 as ec2;
use api_ec2_instance_connect::{SendSerialConsoleSSHPublicKeyRequest, SendSerialConsoleSSHPublicKeyResponse};
use compute::MachineId;
use kernel::{Access, Ctx, Error, Result, Scope};

use super::instance::{arn, check_running};
use super::ssh_key::ID_DIGITS;
use crate::errors;
use crate::rules::ssh_key::{LIFE_MS, check_key};
use crate::service::Consoles;
use crate::state::console_key::{self, ConsoleKey};

pub fn access(scope: &Scope, input: &SendSerialConsoleSSHPublicKeyRequest) -> Result<Access> {
    Ok(Access::on(arn(scope, &input.instance_id)))
}

pub async fn send_serial_console_ssh_public_key(
    ctx: &Ctx,
    input: SendSerialConsoleSSHPublicKeyRequest,
) -> Result<SendSerialConsoleSSHPublicKeyResponse> {
    let line = check_key(&input.ssh_public_key)?;
    let status = ctx.call_as_service(
        ec2::op::GetSerialConsoleAccessStatus,
        ec2::GetSerialConsoleAccessStatusRequest::default(),
    );
    if status.await?.serial_console_access_enabled != Some(true) {
        return Err(errors::console_access_disabled());
    }
    let instance = check_running(ctx, &input.instance_id, None).await?;
    check_type(ctx, &instance.instance_type.unwrap_or_default()).await?;
    let scope = *ctx.scope();
    let key = ConsoleKey {
        instance: input.instance_id,
        id: ctx.ids().hex(ID_DIGITS),
        line,
        ends_at: ctx.now() + LIFE_MS,
    };
    ctx.write(|tx| console_key::insert(tx, &scope, &key)).await?;
    let machine = MachineId::new(key.instance.as_str()).map_err(Error::internal)?;
    if !ctx.own::<Consoles>().0.admit(machine, key.line.clone()) {
        ctx.write(|tx| console_key::remove(tx, &scope, &key)).await?;
        return Err(errors::too_many_keys(&key.instance));
    }
    Ok(SendSerialConsoleSSHPublicKeyResponse {
        request_id: Some(ctx.request_id().to_owned()),
        success: Some(true),
    })
}

/// Only instances of the Nitro system have a serial console that can be reached (EC2 user guide, "Prerequisites for the EC2
/// Serial Console").
async fn check_type(ctx: &Ctx, name: &str) -> Result<()> {
    let request = ec2::DescribeInstanceTypesRequest {
        instance_types: Some(vec![name.to_owned()]),
        ..Default::default()
    };
    let found = ctx.call_as_service(ec2::op::DescribeInstanceTypes, request).await?;
    let found = found.instance_types.unwrap_or_default().into_iter().next();
    match found.and_then(|found| found.hypervisor).as_deref() {
        Some("xen") => Err(errors::instance_type(name)),
        _ => Ok(()),
    }
}
