//! The roles instances have, by way of instance profiles.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Kind, Result, Scope, Tx};

use super::instance::{check_id, get};
use super::page;
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance::State;
use crate::rules::instance_profile::{self as rules, Wish};
use crate::state::id::{Id, InstanceId, ProfileAssociationId};
use crate::state::instance::{self, Instance, Profile};
use crate::state::tag::Tags;

/// A profile as IAM knows it.
#[derive(Clone, Debug)]
pub struct Found {
    pub arn: String,
    pub id: String,
    pub role: Role,
}

/// The one role of a profile.
#[derive(Clone, Debug)]
pub struct Role {
    pub name: String,
    pub arn: String,
}

impl Found {
    pub fn associate(&self, ctx: &Ctx) -> Profile {
        Profile {
            association: ProfileAssociationId::fresh(ctx.ids()),
            arn: self.arn.clone(),
            id: self.id.clone(),
            since: ctx.now(),
        }
    }
}

/// Asks IAM for the profile a request names.
///
/// # Errors
/// `InvalidParameterValue` when there is none, or it has no role.
pub async fn find(ctx: &Ctx, wish: &Wish) -> Result<Found> {
    let name = wish.name(ctx.scope())?;
    let profile = ask(ctx, &name).await?.ok_or_else(|| wish.missing())?;
    if matches!(wish, Wish::Arn(arn) if *arn != profile.arn) {
        return Err(wish.missing());
    }
    match profile.roles.into_iter().next() {
        Some(role) => Ok(Found {
            arn: profile.arn,
            id: profile.instance_profile_id,
            role: Role { name: role.role_name, arn: role.arn },
        }),
        None => Err(errors::profile_without_role(&name, &profile.arn)),
    }
}

/// The profile of this name, with its role where it has one.
pub async fn ask(ctx: &Ctx, name: &str) -> Result<Option<api_iam::InstanceProfile>> {
    let request = api_iam::GetInstanceProfileRequest { instance_profile_name: name.to_owned() };
    match ctx.call_as_service(api_iam::op::GetInstanceProfile, request).await {
        Ok(found) => Ok(Some(found.instance_profile)),
        // A name that cannot be one is of no profile either.
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => Ok(None),
        Err(error) => Err(error),
    }
}

pub async fn associate_iam_instance_profile(
    ctx: &Ctx,
    input: api::AssociateIamInstanceProfileRequest,
) -> Result<api::AssociateIamInstanceProfileResult> {
    let id = check_id(&input.instance_id)?;
    let wish = rules::check(input.iam_instance_profile)?;
    let wish = wish.ok_or_else(|| errors::missing("IamInstanceProfile"))?;
    ctx.read(|snap| get(snap, ctx.scope(), &id)).await?;
    let found = find(ctx, &wish).await?;
    ctx.authorize(rules::PASS_ROLE, &rules::pass_role(&found.role.arn)).await?;
    let profile = ctx
        .write(|tx| {
            let instance = get(tx, ctx.scope(), &id)?;
            match instance.state() {
                State::Running | State::Stopped => {}
                _ => return Err(errors::must_be_running_or_stopped(&id)),
            }
            if instance.profile.is_some() {
                return Err(errors::has_profile(&id));
            }
            put(tx, &id, Some(found.associate(ctx)))
        })
        .await?;
    let association = profile.map(|profile| rules::association(&id, &profile, "associating"));
    Ok(api::AssociateIamInstanceProfileResult { iam_instance_profile_association: association })
}

pub async fn disassociate_iam_instance_profile(
    ctx: &Ctx,
    input: api::DisassociateIamInstanceProfileRequest,
) -> Result<api::DisassociateIamInstanceProfileResult> {
    permit(ctx, "ec2:DisassociateIamInstanceProfile", &input.association_id).await?;
    let (instance, profile) = ctx
        .write(|tx| {
            let (instance, profile) = by_association(tx, ctx.scope(), &input.association_id)?;
            put(tx, &instance.id, None)?;
            Ok((instance, profile))
        })
        .await?;
    let association = rules::association(&instance.id, &profile, "disassociating");
    Ok(api::DisassociateIamInstanceProfileResult { iam_instance_profile_association: Some(association) })
}

pub async fn replace_iam_instance_profile_association(
    ctx: &Ctx,
    input: api::ReplaceIamInstanceProfileAssociationRequest,
) -> Result<api::ReplaceIamInstanceProfileAssociationResult> {
    permit(ctx, "ec2:ReplaceIamInstanceProfileAssociation", &input.association_id).await?;
    let wish = rules::check(input.iam_instance_profile)?;
    let wish = wish.ok_or_else(|| errors::missing("IamInstanceProfile"))?;
    let found = find(ctx, &wish).await?;
    ctx.authorize(rules::PASS_ROLE, &rules::pass_role(&found.role.arn)).await?;
    let (id, profile) = ctx
        .write(|tx| {
            let (instance, _) = by_association(tx, ctx.scope(), &input.association_id)?;
            let profile = put(tx, &instance.id, Some(found.associate(ctx)))?;
            Ok((instance.id, profile))
        })
        .await?;
    let association = profile.map(|profile| rules::association(&id, &profile, "associating"));
    Ok(api::ReplaceIamInstanceProfileAssociationResult { iam_instance_profile_association: association })
}

/// Asks whether the caller may do `action` to the instance of an association, and only then whether there is one.
async fn permit(ctx: &Ctx, action: &str, association: &str) -> Result<()> {
    let found = ctx.read(|snap| by_association(snap, ctx.scope(), association)).await;
    let id = found.as_ref().map_or("*", |(instance, _)| instance.id.as_str());
    let instance = ctx.scope().arn("ec2", format_args!("instance/{id}"));
    ctx.authorize(action, &Access::on(instance)).await?;
    found.map(|_| ())
}

fn put(tx: &mut Tx<'_, '_>, id: &InstanceId, profile: Option<Profile>) -> Result<Option<Profile>> {
    let scope = *tx.ctx().scope();
    instance::update(tx, &scope, id, |instance| {
        instance.profile.clone_from(&profile);
        Ok(())
    })?;
    Ok(profile)
}

/// # Errors
/// `InvalidAssociationID.NotFound`.
pub fn by_association(
    from: &mut impl Reader,
    scope: &Scope,
    association: &str,
) -> Result<(Instance, Profile)> {
    let mut associations = associations(from, scope)?.into_iter();
    let found = associations.find(|(_, profile)| profile.association.as_str() == association);
    found.ok_or_else(|| errors::profile_association_not_found(association))
}

/// Instances that have a profile, and are not ending.
fn associations(from: &mut impl Reader, scope: &Scope) -> Result<Vec<(Instance, Profile)>> {
    let alive = |instance: &Instance| !matches!(instance.state(), State::Terminated | State::ShuttingDown);
    let instances = instance::all(from, scope)?.into_iter().filter(alive);
    Ok(instances.filter_map(|instance| instance.profile.clone().map(|profile| (instance, profile))).collect())
}

pub async fn describe_iam_instance_profile_associations(
    ctx: &Ctx,
    input: api::DescribeIamInstanceProfileAssociationsRequest,
) -> Result<api::DescribeIamInstanceProfileAssociationsResult> {
    const OPERATION: &str = "DescribeIamInstanceProfileAssociations";
    let filters = Filters::check(input.filters, &["instance-id", "state"])?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let mut found = ctx.read(|snap| associations(snap, ctx.scope())).await?;
    let wanted = input.association_ids.unwrap_or_default();
    if let Some(absent) =
        wanted.iter().find(|id| !found.iter().any(|(_, profile)| profile.association.as_str() == **id))
    {
        return Err(errors::profile_association_not_found(absent));
    }
    found.retain(|(instance, profile)| {
        let named = wanted.is_empty() || wanted.iter().any(|id| id == profile.association.as_str());
        named
            && filters.accept(&Tags::new(), |name| match name {
                "instance-id" => vec![instance.id.to_string()],
                _ => vec!["associated".to_owned()],
            })
    });
    let (found, last) = page.cut(found, |(_, profile)| profile.association.to_string());
    let show =
        |(instance, profile): &(Instance, Profile)| rules::association(&instance.id, profile, "associated");
    Ok(api::DescribeIamInstanceProfileAssociationsResult {
        iam_instance_profile_associations: Some(found.iter().map(show).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}
