//! Users: make, show, list, change, delete.

use api_iam::{
    CreateUserRequest, CreateUserResponse, DeleteUserRequest, GetUserRequest, GetUserResponse,
    ListUsersRequest, ListUsersResponse, UpdateUserRequest, User,
};
use kernel::{Ctx, Principal, Result, Scope};

use super::{at, has_prefix, new_id, page, read, shown_boundary, user_or_caller};
use crate::errors;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::home;
use crate::state::identity::{self, Identity, Kind};
use crate::state::last_used::{self, LastUsed};

/// As lists show a user.
pub(crate) fn brief(home: &Scope, user: &Identity) -> User {
    User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(home),
        create_date: at(user.created_at),
        ..User::default()
    }
}

fn full(home: &Scope, user: &Identity) -> User {
    User {
        permissions_boundary: shown_boundary(user.boundary.as_ref()),
        tags: user.tags.shown(),
        ..brief(home, user)
    }
}

pub async fn create_user(ctx: &Ctx, input: CreateUserRequest) -> Result<CreateUserResponse> {
    let CreateUserRequest { path, user_name, permissions_boundary, tags } = input;
    let home = home(ctx);
    let mut user = Identity::new(Kind::User, user_name, path, new_id(ctx, Kind::User.id_prefix()), ctx.now());
    user.tags = Tags::new(tags)?;
    let user = change(ctx, move |tx| {
        let mut user = user.clone();
        super::boundary::set(tx, &home, &mut user, permissions_boundary.clone())?;
        identity::insert(tx, &home, &user).map(|()| user)
    })
    .await?;
    Ok(CreateUserResponse { user: Some(full(&home, &user)) })
}

pub async fn get_user(ctx: &Ctx, input: GetUserRequest) -> Result<GetUserResponse> {
    let home = home(ctx);
    if input.user_name.is_none() && ctx.caller().principal == Principal::Root {
        return Ok(GetUserResponse { user: root(ctx) });
    }
    let user = read(ctx, Kind::User, &user_or_caller(ctx, input.user_name)?).await?;
    Ok(GetUserResponse { user: full(&home, &user) })
}

/// The account itself, which asks who it is.
fn root(ctx: &Ctx) -> User {
    User {
        path: "/".to_owned(),
        user_name: "root".to_owned(),
        user_id: ctx.account().to_string(),
        arn: ctx.caller().arn(),
        ..User::default()
    }
}

pub async fn list_users(ctx: &Ctx, input: ListUsersRequest) -> Result<ListUsersResponse> {
    let home = home(ctx);
    let users = ctx.read(|snap| identity::list(snap, &home, Kind::User)).await?;
    let users = users.into_iter().filter(|user| has_prefix(&user.path, input.path_prefix.as_ref()));
    let page = page(ctx, "ListUsers", input.marker.as_deref(), input.max_items, users, |user| &user.name)?;
    let users = page.items.iter().map(|user| brief(&home, user)).collect();
    Ok(ListUsersResponse { users, is_truncated: page.is_truncated, marker: page.marker })
}

pub async fn update_user(ctx: &Ctx, input: UpdateUserRequest) -> Result<()> {
    let UpdateUserRequest { user_name, new_path, new_user_name } = input;
    rename(ctx, Kind::User, user_name, new_path, new_user_name).await
}

/// Moves a user or a group to another path or name.
pub(super) async fn rename(
    ctx: &Ctx,
    kind: Kind,
    name: String,
    new_path: Option<String>,
    new_name: Option<String>,
) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let before = identity::get(tx, &home, kind, &name)?;
        let mut after = before.clone();
        after.path = new_path.clone().unwrap_or(after.path);
        after.name = new_name.clone().unwrap_or(after.name);
        identity::rename(tx, &home, &before, &after)
    })
    .await
}

/// Refuses to delete what still has policies.
pub(super) fn check_bare(identity: &Identity) -> Result<()> {
    match identity {
        Identity { inline, .. } if !inline.is_empty() => Err(errors::must_first("delete policies")),
        Identity { attached, .. } if !attached.is_empty() => Err(errors::must_first("detach all policies")),
        _ => Ok(()),
    }
}

pub async fn delete_user(ctx: &Ctx, input: DeleteUserRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let user = identity::get(tx, &home, Kind::User, &input.user_name)?;
        check_bare(&user)?;
        match &user {
            user if !user.access_keys.is_empty() => Err(errors::must_first("delete access keys")),
            user if user.login.is_some() => Err(errors::must_first("delete login profile")),
            user if !user.mfa_devices.is_empty() => Err(errors::must_first("delete MFA device")),
            user if !user.groups.is_empty() => Err(errors::must_first("remove users from group")),
            user => {
                last_used::delete(tx, &home, &user.id)?;
                identity::delete(tx, &home, user)?;
                Ok(user.id.clone())
            }
        }
    })
    .await
    .map(|id| ctx.own::<LastUsed>().forget(&id))
}
