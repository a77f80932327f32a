//! Keys sent to instances.

use api_ec2_instance_connect::{SendSSHPublicKeyRequest, SendSSHPublicKeyResponse};
use compute::MachineId;
use kernel::{Access, Ctx, Error, Result, Scope};

use super::instance::{arn, check_running};
use crate::errors;
use crate::rules::ssh_key::{self as rules, LIFE_MS, NO_USER, check_key, check_user};
use crate::service::Machines;
use crate::state::ssh_key::{self, SentKey};

/// How long a guest may take.
pub const PATIENCE_MS: u64 = 10_000;
/// Of ids of keys, in hexadecimal digits.
pub const ID_DIGITS: usize = 17;

pub fn access(scope: &Scope, input: &SendSSHPublicKeyRequest) -> Result<Access> {
    Ok(Access::on(arn(scope, &input.instance_id)).condition("ec2:osuser", [input.instance_os_user.clone()]))
}

pub async fn send_ssh_public_key(
    ctx: &Ctx,
    input: SendSSHPublicKeyRequest,
) -> Result<SendSSHPublicKeyResponse> {
    let line = check_key(&input.ssh_public_key)?;
    check_user(&input.instance_os_user)?;
    check_running(ctx, &input.instance_id, input.availability_zone.as_deref()).await?;
    let scope = *ctx.scope();
    let key = SentKey {
        instance: input.instance_id,
        id: ctx.ids().hex(ID_DIGITS),
        user: input.instance_os_user,
        ends_at: ctx.now() + LIFE_MS,
    };
    // Before the guest has it: what was begun is taken back whatever happens to us.
    ctx.write(|tx| ssh_key::insert(tx, &scope, &key)).await?;
    let machine = MachineId::new(key.instance.as_str()).map_err(Error::internal)?;
    let machines = &ctx.own::<Machines>().0;
    let done = machines.exec(&machine, rules::admit(&key.user, &line, &key.id), PATIENCE_MS).await;
    match done.map(|done| (done.code, done.stderr)) {
        Ok((0, _)) => Ok(SendSSHPublicKeyResponse {
            request_id: Some(ctx.request_id().to_owned()),
            success: Some(true),
        }),
        Ok((NO_USER, _)) => Err(errors::arguments(format!("The instance has no user {}.", key.user))),
        Ok((code, words)) => {
            let words = String::from_utf8_lossy(&words);
            tracing::debug!(id = key.instance, code, words = words.trim(), "a guest does not take a key");
            Err(errors::instance_unavailable(&key.instance))
        }
        Err(error) => {
            tracing::debug!(id = key.instance, %error, "a guest does not take a key");
            Err(errors::instance_unavailable(&key.instance))
        }
    }
}
