//! Service-linked roles: made for a service and its own; nobody else changes them.

use api_iam::{
    CreateServiceLinkedRoleRequest, CreateServiceLinkedRoleResponse, DeleteServiceLinkedRoleRequest,
    DeleteServiceLinkedRoleResponse, GetServiceLinkedRoleDeletionStatusRequest,
    GetServiceLinkedRoleDeletionStatusResponse,
};
use kernel::{Ctx, Result};

use super::{new_id, role};
use crate::errors;
use crate::rules::linked_role::{self, PATH};
use crate::rules::trusted::Trusted;
use crate::state::directory::change;
use crate::state::home;
use crate::state::identity::{self, Identity, Kind, RoleFacts};
use crate::state::last_used::{self, LastUsed};

const SESSION_S: i32 = 3_600;
const DELETION: &str = "DeleteServiceLinkedRole";

pub async fn create_service_linked_role(
    ctx: &Ctx,
    input: CreateServiceLinkedRoleRequest,
) -> Result<CreateServiceLinkedRoleResponse> {
    let service = input.aws_service_name;
    let home = home(ctx);
    let name = linked_role::name(&service, input.custom_suffix.as_deref())?;
    let path = Some(format!("{PATH}{service}/"));
    let mut new = Identity::new(Kind::Role, name, path, new_id(ctx, Kind::Role.id_prefix()), ctx.now());
    new.role = Some(RoleFacts {
        trust: linked_role::trust(&service),
        trusted: Trusted::new(),
        description: input.description,
        session_s_max: SESSION_S,
        linked_service: Some(service),
    });
    let made = change(ctx, move |tx| {
        if identity::find(tx, &home, Kind::Role, &new.name)?.is_some() {
            return Err(errors::linked_role_exists(&new.name));
        }
        identity::insert(tx, &home, &new).map(|()| new.clone())
    })
    .await?;
    Ok(CreateServiceLinkedRoleResponse { role: Some(role::brief(&home, &made)) })
}

/// Gone when this answers: nothing of the house keeps using such a role. The task's id proves that it was asked for.
pub async fn delete_service_linked_role(
    ctx: &Ctx,
    input: DeleteServiceLinkedRoleRequest,
) -> Result<DeleteServiceLinkedRoleResponse> {
    let home = home(ctx);
    let (gone, service) = change(ctx, move |tx| {
        let role = identity::get(tx, &home, Kind::Role, &input.role_name)?;
        let service = role.role.as_ref().and_then(|facts| facts.linked_service.clone());
        let service = service.ok_or_else(|| errors::no_such_identity(Kind::Role, &input.role_name))?;
        last_used::delete(tx, &home, &role.id)?;
        identity::delete(tx, &home, &role)?;
        Ok((role, service))
    })
    .await?;
    ctx.own::<LastUsed>().forget(&gone.id);
    let proof = ctx.seal_page(DELETION, gone.id.as_bytes());
    let deletion_task_id = format!("task{PATH}{service}/{}/{proof}", gone.name);
    Ok(DeleteServiceLinkedRoleResponse { deletion_task_id })
}

pub async fn get_service_linked_role_deletion_status(
    ctx: &Ctx,
    input: GetServiceLinkedRoleDeletionStatusRequest,
) -> Result<GetServiceLinkedRoleDeletionStatusResponse> {
    let id = input.deletion_task_id;
    let proof = id.strip_prefix("task/aws-service-role/").and_then(|rest| rest.splitn(3, '/').nth(2));
    match proof.and_then(|proof| ctx.open_page(DELETION, proof)) {
        Some(_) => {
            let status = "SUCCEEDED".to_owned();
            Ok(GetServiceLinkedRoleDeletionStatusResponse { status, reason: None })
        }
        None => Err(errors::no_such_deletion(&id)),
    }
}
