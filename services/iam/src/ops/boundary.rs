//! Permissions boundaries of users and roles.

use api_iam::{
    DeleteRolePermissionsBoundaryRequest, DeleteUserPermissionsBoundaryRequest,
    PutRolePermissionsBoundaryRequest, PutUserPermissionsBoundaryRequest,
};
use kernel::{Ctx, Result, Scope, Tx};

use super::edit;
use crate::errors;
use crate::state::home;
use crate::state::identity::{Identity, Kind};
use crate::state::policy as managed;
use crate::state::policy_use::{self, Usage};

/// Gives an identity this boundary, or none.
///
/// # Errors
/// When the ARN names no policy.
pub(super) fn set(
    tx: &mut Tx<'_, '_>,
    home: &Scope,
    identity: &mut Identity,
    arn: Option<String>,
) -> Result<()> {
    policy_use::forget_boundary(tx, home, identity)?;
    if let Some(arn) = &arn {
        if managed::find(tx, home, arn)?.is_none() {
            return Err(errors::no_such_boundary(arn));
        }
        policy_use::add(tx, home, arn, Usage::Boundary, identity)?;
    }
    identity.boundary = arn;
    Ok(())
}

async fn put(ctx: &Ctx, kind: Kind, name: String, arn: Option<String>) -> Result<()> {
    let home = home(ctx);
    edit(ctx, kind, name, move |tx, identity| set(tx, &home, identity, arn.clone())).await
}

pub async fn put_user_permissions_boundary(
    ctx: &Ctx,
    input: PutUserPermissionsBoundaryRequest,
) -> Result<()> {
    put(ctx, Kind::User, input.user_name, Some(input.permissions_boundary)).await
}

pub async fn delete_user_permissions_boundary(
    ctx: &Ctx,
    input: DeleteUserPermissionsBoundaryRequest,
) -> Result<()> {
    put(ctx, Kind::User, input.user_name, None).await
}

pub async fn put_role_permissions_boundary(
    ctx: &Ctx,
    input: PutRolePermissionsBoundaryRequest,
) -> Result<()> {
    put(ctx, Kind::Role, input.role_name, Some(input.permissions_boundary)).await
}

pub async fn delete_role_permissions_boundary(
    ctx: &Ctx,
    input: DeleteRolePermissionsBoundaryRequest,
) -> Result<()> {
    put(ctx, Kind::Role, input.role_name, None).await
}
