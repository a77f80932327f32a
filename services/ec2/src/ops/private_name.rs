//! Changing how an instance is named inside of its VPC.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::instance::{check_id, get};
use super::page::check_dry_run;
use crate::errors;
use crate::rules::instance::State;
use crate::rules::private_name as rules;
use crate::state::instance;

pub async fn modify_private_dns_name_options(
    ctx: &Ctx,
    input: api::ModifyPrivateDnsNameOptionsRequest,
) -> Result<api::ModifyPrivateDnsNameOptionsResult> {
    let id = check_id(&input.instance_id)?;
    let wish = rules::check(
        input.private_dns_hostname_type.as_deref(),
        input.enable_resource_name_dns_a_record,
        input.enable_resource_name_dns_aaaa_record,
        "PrivateDnsHostnameType",
    )?;
    if wish == rules::Wish::default() {
        return Err(errors::missing("PrivateDnsHostnameType"));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let instance = get(tx, &scope, &id)?;
        let names = wish.over(instance.names);
        match instance.state() {
            State::Terminated | State::ShuttingDown => return Err(errors::is_terminated(&id)),
            State::Stopped => {}
            // Its guest has the name already.
            _ if names.by_resource != instance.names.by_resource => return Err(errors::must_be_stopped(&id)),
            _ => {}
        }
        check_dry_run(input.dry_run)?;
        instance::update(tx, &scope, &id, |instance| {
            instance.names = names;
            Ok(())
        })
    })
    .await?;
    Ok(api::ModifyPrivateDnsNameOptionsResult { r#return: Some(true) })
}
