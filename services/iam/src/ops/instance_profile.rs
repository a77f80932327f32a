//! Instance profiles and the role in each.

use api_iam::{
    AddRoleToInstanceProfileRequest, CreateInstanceProfileRequest, CreateInstanceProfileResponse,
    DeleteInstanceProfileRequest, GetInstanceProfileRequest, GetInstanceProfileResponse, InstanceProfile,
    ListInstanceProfilesForRoleRequest, ListInstanceProfilesForRoleResponse, ListInstanceProfilesRequest,
    ListInstanceProfilesResponse, RemoveRoleFromInstanceProfileRequest,
};
use kernel::{Ctx, Reader, Result, Scope};

use super::{at, has_prefix, new_id, page, role};
use crate::errors;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::home;
use crate::state::identity::{self, Identity, Kind};
use crate::state::instance_profile::{self, InstanceProfile as Stored};

/// A profile with its role.
type Whole = (Stored, Option<Identity>);

fn whole(snap: &mut impl Reader, home: &Scope, profile: Stored) -> Result<Whole> {
    let role = match &profile.role {
        Some(name) => identity::find(snap, home, Kind::Role, name)?,
        None => None,
    };
    Ok((profile, role))
}

pub(crate) fn brief(home: &Scope, (profile, role): &Whole) -> InstanceProfile {
    InstanceProfile {
        path: profile.path.clone(),
        instance_profile_name: profile.name.clone(),
        instance_profile_id: profile.id.clone(),
        arn: profile.arn(home),
        create_date: at(profile.created_at),
        roles: role.iter().map(|role| role::brief(home, role)).collect(),
        tags: None,
    }
}

/// The profiles that hold a role.
pub(crate) fn of_role(snap: &mut impl Reader, home: &Scope, role: &Identity) -> Result<Vec<Whole>> {
    let profiles = instance_profile::list(snap, home)?.into_iter();
    profiles
        .filter(|profile| profile.has_role(&role.name))
        .map(|profile| whole(snap, home, profile))
        .collect()
}

pub async fn create_instance_profile(
    ctx: &Ctx,
    input: CreateInstanceProfileRequest,
) -> Result<CreateInstanceProfileResponse> {
    let home = home(ctx);
    let profile = Stored {
        name: input.instance_profile_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(ctx, "AIPA"),
        created_at: ctx.now(),
        tags: Tags::new(input.tags)?,
        role: None,
    };
    let new = profile.clone();
    change(ctx, move |tx| instance_profile::insert(tx, &home, &new)).await?;
    let tags = profile.tags.shown();
    let instance_profile = InstanceProfile { tags, ..brief(&home, &(profile, None)) };
    Ok(CreateInstanceProfileResponse { instance_profile })
}

pub async fn get_instance_profile(
    ctx: &Ctx,
    input: GetInstanceProfileRequest,
) -> Result<GetInstanceProfileResponse> {
    let home = home(ctx);
    let found = ctx
        .read(|snap| {
            let profile = instance_profile::get(snap, &home, &input.instance_profile_name)?;
            whole(snap, &home, profile)
        })
        .await?;
    let tags = Some(found.0.tags.listed());
    Ok(GetInstanceProfileResponse { instance_profile: InstanceProfile { tags, ..brief(&home, &found) } })
}

pub async fn list_instance_profiles(
    ctx: &Ctx,
    input: ListInstanceProfilesRequest,
) -> Result<ListInstanceProfilesResponse> {
    let home = home(ctx);
    let profiles = ctx
        .read(|snap| {
            let mut profiles = instance_profile::list(snap, &home)?;
            profiles.retain(|profile| has_prefix(&profile.path, input.path_prefix.as_ref()));
            profiles.into_iter().map(|profile| whole(snap, &home, profile)).collect::<Result<Vec<_>>>()
        })
        .await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListInstanceProfiles", marker, max, profiles, |(profile, _)| &profile.name)?;
    let instance_profiles = page.items.iter().map(|found| brief(&home, found)).collect();
    Ok(ListInstanceProfilesResponse {
        instance_profiles,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn list_instance_profiles_for_role(
    ctx: &Ctx,
    input: ListInstanceProfilesForRoleRequest,
) -> Result<ListInstanceProfilesForRoleResponse> {
    let home = home(ctx);
    let profiles = ctx
        .read(|snap| {
            let role = identity::get(snap, &home, Kind::Role, &input.role_name)?;
            of_role(snap, &home, &role)
        })
        .await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListInstanceProfilesForRole", marker, max, profiles, |(profile, _)| &profile.name)?;
    let instance_profiles = page.items.iter().map(|found| brief(&home, found)).collect();
    let (is_truncated, marker) = (page.is_truncated, page.marker);
    Ok(ListInstanceProfilesForRoleResponse { instance_profiles, is_truncated, marker })
}

pub async fn add_role_to_instance_profile(ctx: &Ctx, input: AddRoleToInstanceProfileRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let profile = instance_profile::get(tx, &home, &input.instance_profile_name)?;
        let role = identity::get(tx, &home, Kind::Role, &input.role_name)?;
        if profile.role.is_some() {
            return Err(errors::over_quota("InstanceSessionsPerInstanceProfile", 1));
        }
        instance_profile::put(tx, &home, &Stored { role: Some(role.name), ..profile })
    })
    .await
}

pub async fn remove_role_from_instance_profile(
    ctx: &Ctx,
    input: RemoveRoleFromInstanceProfileRequest,
) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let profile = instance_profile::get(tx, &home, &input.instance_profile_name)?;
        let role = identity::get(tx, &home, Kind::Role, &input.role_name)?;
        if !profile.has_role(&role.name) {
            return Err(errors::role_not_in_profile(&role.name, &profile.name));
        }
        instance_profile::put(tx, &home, &Stored { role: None, ..profile })
    })
    .await
}

pub async fn delete_instance_profile(ctx: &Ctx, input: DeleteInstanceProfileRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let profile = instance_profile::get(tx, &home, &input.instance_profile_name)?;
        if profile.role.is_some() {
            return Err(errors::must_first("remove roles from instance profile"));
        }
        instance_profile::delete(tx, &home, &profile)
    })
    .await
}
