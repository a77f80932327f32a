//! Roles: make, show, list, change, delete.

use api_iam::{
    CreateRoleRequest, CreateRoleResponse, DeleteRoleRequest, GetRoleRequest, GetRoleResponse,
    ListRolesRequest, ListRolesResponse, Role, RoleLastUsed, UpdateAssumeRolePolicyRequest,
    UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse, UpdateRoleRequest, UpdateRoleResponse,
};
use kernel::{Ctx, Result, Scope, Tx};

use super::{at, edit, has_prefix, new_id, page, shown_boundary, user};
use crate::errors;
use crate::rules::tags::Tags;
use crate::rules::trusted::Trusted;
use crate::rules::{document, linked_role};
use crate::state::directory::change;
use crate::state::identity::{self, Identity, Kind, RoleFacts};
use crate::state::last_used::{self, LastUsed};
use crate::state::{home, instance_profile, trusted};

const SESSION_S: i32 = 3_600;

/// As answers show a role where it is not what was asked for.
pub(crate) fn brief(home: &Scope, role: &Identity) -> Role {
    let facts = role.role.as_ref();
    Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(home),
        create_date: at(role.created_at),
        assume_role_policy_document: facts.map(|facts| document::shown(&facts.trust)),
        description: facts.and_then(|facts| facts.description.clone()),
        ..Role::default()
    }
}

fn with_session(home: &Scope, role: &Identity) -> Role {
    let max_session_duration = role.role.as_ref().map(|facts| facts.session_s_max);
    Role { max_session_duration, ..brief(home, role) }
}

fn with_tags(shown: Role, role: &Identity) -> Role {
    Role { permissions_boundary: shown_boundary(role.boundary.as_ref()), tags: role.tags.shown(), ..shown }
}

/// When a role was last taken on; empty when never.
pub(crate) async fn last_use(ctx: &Ctx, role: &Identity) -> Result<RoleLastUsed> {
    let used = last_used::find(ctx, &role.id).await?;
    Ok(used.map_or_else(RoleLastUsed::default, |used| RoleLastUsed {
        last_used_date: Some(at(used.at)),
        region: Some(used.region),
    }))
}

pub async fn create_role(ctx: &Ctx, input: CreateRoleRequest) -> Result<CreateRoleResponse> {
    let trust = document::check_trust(&input.assume_role_policy_document)?;
    if input.path.as_deref().is_some_and(|path| path.starts_with(linked_role::PATH)) {
        return Err(errors::linked_path());
    }
    let home = home(ctx);
    let id = new_id(ctx, Kind::Role.id_prefix());
    let mut role = Identity::new(Kind::Role, input.role_name, input.path, id, ctx.now());
    role.tags = Tags::new(input.tags)?;
    role.role = Some(RoleFacts {
        trust: input.assume_role_policy_document,
        trusted: Trusted::new(),
        description: input.description,
        session_s_max: input.max_session_duration.unwrap_or(SESSION_S),
        linked_service: None,
    });
    let named = input.max_session_duration.is_some();
    let boundary = input.permissions_boundary;
    let role = change(ctx, move |tx| {
        let mut role = role.clone();
        super::boundary::set(tx, &home, &mut role, boundary.clone())?;
        if let Some(facts) = &mut role.role {
            facts.trusted = trusted::resolve(tx, home.partition(), &trust)?;
        }
        identity::insert(tx, &home, &role).map(|()| role)
    })
    .await?;
    let shown = if named { with_session(&home, &role) } else { brief(&home, &role) };
    Ok(CreateRoleResponse { role: with_tags(shown, &role) })
}

pub async fn get_role(ctx: &Ctx, input: GetRoleRequest) -> Result<GetRoleResponse> {
    let home = home(ctx);
    let role = ctx
        .read(|snap| {
            let role = identity::get(snap, &home, Kind::Role, &input.role_name)?;
            trusted::refreshed(snap, &home, role)
        })
        .await?;
    let role_last_used = Some(last_use(ctx, &role).await?);
    let shown = with_tags(with_session(&home, &role), &role);
    Ok(GetRoleResponse { role: Role { role_last_used, ..shown } })
}

pub async fn list_roles(ctx: &Ctx, input: ListRolesRequest) -> Result<ListRolesResponse> {
    let home = home(ctx);
    let roles = ctx.read(|snap| identity::list(snap, &home, Kind::Role)).await?;
    let roles = roles.into_iter().filter(|role| has_prefix(&role.path, input.path_prefix.as_ref()));
    let page = page(ctx, "ListRoles", input.marker.as_deref(), input.max_items, roles, |role| &role.name)?;
    let (is_truncated, marker) = (page.is_truncated, page.marker);
    let roles = ctx
        .read(|snap| {
            page.items
                .iter()
                .map(|role| trusted::refreshed(snap, &home, role.clone()))
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    let roles = roles.iter().map(|role| with_session(&home, role)).collect();
    Ok(ListRolesResponse { roles, is_truncated, marker })
}

/// Changes what only roles have.
async fn edit_facts(
    ctx: &Ctx,
    name: String,
    mut f: impl FnMut(&mut RoleFacts) + Send + 'static,
) -> Result<Identity> {
    edit(ctx, Kind::Role, name, move |_: &mut Tx<'_, '_>, role| {
        if let Some(facts) = &mut role.role {
            f(facts);
        }
        Ok(role.clone())
    })
    .await
}

/// A description is everybody's to change, also of roles that services made for themselves.
async fn describe(ctx: &Ctx, name: String, description: Option<String>) -> Result<Identity> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut role = identity::get(tx, &home, Kind::Role, &name)?;
        if let Some(facts) = &mut role.role {
            facts.description = description.clone().or_else(|| facts.description.take());
        }
        identity::put(tx, &home, &role)?;
        Ok(role)
    })
    .await
}

pub async fn update_role(ctx: &Ctx, input: UpdateRoleRequest) -> Result<UpdateRoleResponse> {
    let UpdateRoleRequest { role_name, description, max_session_duration } = input;
    if max_session_duration.is_none() {
        describe(ctx, role_name, description).await?;
        return Ok(UpdateRoleResponse::default());
    }
    edit_facts(ctx, role_name, move |facts| {
        facts.description = description.clone().or_else(|| facts.description.take());
        facts.session_s_max = max_session_duration.unwrap_or(facts.session_s_max);
    })
    .await?;
    Ok(UpdateRoleResponse::default())
}

pub async fn update_role_description(
    ctx: &Ctx,
    input: UpdateRoleDescriptionRequest,
) -> Result<UpdateRoleDescriptionResponse> {
    let role = describe(ctx, input.role_name, Some(input.description)).await?;
    Ok(UpdateRoleDescriptionResponse { role: Some(brief(&home(ctx), &role)) })
}

pub async fn update_assume_role_policy(ctx: &Ctx, input: UpdateAssumeRolePolicyRequest) -> Result<()> {
    let document = document::check_trust(&input.policy_document)?;
    let trust = input.policy_document;
    let partition = ctx.partition();
    edit(ctx, Kind::Role, input.role_name, move |tx, role| {
        let trusted = trusted::resolve(tx, partition, &document)?;
        if let Some(facts) = &mut role.role {
            facts.trust.clone_from(&trust);
            facts.trusted = trusted;
        }
        Ok(())
    })
    .await
}

pub async fn delete_role(ctx: &Ctx, input: DeleteRoleRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let role = identity::get(tx, &home, Kind::Role, &input.role_name)?;
        if instance_profile::list(tx, &home)?.iter().any(|profile| profile.has_role(&role.name)) {
            return Err(errors::must_first("remove roles from instance profile"));
        }
        role.check_is_ours()?;
        user::check_bare(&role)?;
        last_used::delete(tx, &home, &role.id)?;
        identity::delete(tx, &home, &role).map(|()| role.id)
    })
    .await
    .map(|id| ctx.own::<LastUsed>().forget(&id))
}
