//! Groups and who is in them.

use api_iam::{
    AddUserToGroupRequest, CreateGroupRequest, CreateGroupResponse, DeleteGroupRequest, GetGroupRequest,
    GetGroupResponse, Group, ListGroupsForUserRequest, ListGroupsForUserResponse, ListGroupsRequest,
    ListGroupsResponse, RemoveUserFromGroupRequest, UpdateGroupRequest,
};
use kernel::{Ctx, Result, Scope};

use super::{at, has_prefix, new_id, page, user};
use crate::errors;
use crate::state::directory::change;
use crate::state::identity::{self, Identity, Kind};
use crate::state::{fold, home};

const GROUPS_PER_USER_MAX: usize = 10;

fn shown(home: &Scope, group: &Identity) -> Group {
    Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        arn: group.arn(home),
        create_date: at(group.created_at),
    }
}

pub async fn create_group(ctx: &Ctx, input: CreateGroupRequest) -> Result<CreateGroupResponse> {
    let home = home(ctx);
    let id = new_id(ctx, Kind::Group.id_prefix());
    let group = Identity::new(Kind::Group, input.group_name, input.path, id, ctx.now());
    let answer = CreateGroupResponse { group: shown(&home, &group) };
    change(ctx, move |tx| identity::insert(tx, &home, &group)).await?;
    Ok(answer)
}

pub async fn get_group(ctx: &Ctx, input: GetGroupRequest) -> Result<GetGroupResponse> {
    let home = home(ctx);
    let (group, users) = ctx
        .read(|snap| {
            let group = identity::get(snap, &home, Kind::Group, &input.group_name)?;
            let names = identity::members(snap, &home, &group.name)?;
            let users: Result<Vec<_>> =
                names.iter().map(|name| identity::get(snap, &home, Kind::User, name)).collect();
            Ok((group, users?))
        })
        .await?;
    let page = page(ctx, "GetGroup", input.marker.as_deref(), input.max_items, users, |user| &user.name)?;
    let users = page.items.iter().map(|member| user::brief(&home, member)).collect();
    Ok(GetGroupResponse {
        group: shown(&home, &group),
        users,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn list_groups(ctx: &Ctx, input: ListGroupsRequest) -> Result<ListGroupsResponse> {
    let home = home(ctx);
    let groups = ctx.read(|snap| identity::list(snap, &home, Kind::Group)).await?;
    let groups = groups.into_iter().filter(|group| has_prefix(&group.path, input.path_prefix.as_ref()));
    let page =
        page(ctx, "ListGroups", input.marker.as_deref(), input.max_items, groups, |group| &group.name)?;
    let groups = page.items.iter().map(|group| shown(&home, group)).collect();
    Ok(ListGroupsResponse { groups, is_truncated: page.is_truncated, marker: page.marker })
}

pub async fn list_groups_for_user(
    ctx: &Ctx,
    input: ListGroupsForUserRequest,
) -> Result<ListGroupsForUserResponse> {
    let home = home(ctx);
    let groups = ctx
        .read(|snap| {
            let user = identity::get(snap, &home, Kind::User, &input.user_name)?;
            let get = |name: &String| identity::get(snap, &home, Kind::Group, name);
            user.groups.iter().map(get).collect::<Result<Vec<_>>>()
        })
        .await?;
    let page = page(ctx, "ListGroupsForUser", input.marker.as_deref(), input.max_items, groups, |group| {
        &group.name
    })?;
    let groups = page.items.iter().map(|group| shown(&home, group)).collect();
    Ok(ListGroupsForUserResponse { groups, is_truncated: page.is_truncated, marker: page.marker })
}

pub async fn update_group(ctx: &Ctx, input: UpdateGroupRequest) -> Result<()> {
    user::rename(ctx, Kind::Group, input.group_name, input.new_path, input.new_group_name).await
}

pub async fn delete_group(ctx: &Ctx, input: DeleteGroupRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let group = identity::get(tx, &home, Kind::Group, &input.group_name)?;
        if !identity::members(tx, &home, &group.name)?.is_empty() {
            return Err(errors::must_first("remove users from group"));
        }
        user::check_bare(&group)?;
        identity::delete(tx, &home, &group)
    })
    .await
}

pub async fn add_user_to_group(ctx: &Ctx, input: AddUserToGroupRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let group = identity::get(tx, &home, Kind::Group, &input.group_name)?;
        let mut user = identity::get(tx, &home, Kind::User, &input.user_name)?;
        user.groups.insert(fold(&group.name));
        if user.groups.len() > GROUPS_PER_USER_MAX {
            return Err(errors::over_quota("GroupsPerUser", GROUPS_PER_USER_MAX));
        }
        identity::join(tx, &home, &group.name, &user.name)?;
        identity::put(tx, &home, &user)
    })
    .await
}

pub async fn remove_user_from_group(ctx: &Ctx, input: RemoveUserFromGroupRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut user = identity::get(tx, &home, Kind::User, &input.user_name)?;
        let group = identity::get(tx, &home, Kind::Group, &input.group_name)?;
        user.groups.remove(&fold(&group.name));
        identity::leave(tx, &home, &group.name, &user.name)?;
        identity::put(tx, &home, &user)
    })
    .await
}
