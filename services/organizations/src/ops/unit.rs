//! Organizational units.

use api_organizations::{
    CreateOrganizationalUnitRequest, CreateOrganizationalUnitResponse, DeleteOrganizationalUnitRequest,
    DescribeOrganizationalUnitRequest, DescribeOrganizationalUnitResponse,
    ListOrganizationalUnitsForParentRequest, ListOrganizationalUnitsForParentResponse, OrganizationalUnit,
    UpdateOrganizationalUnitRequest, UpdateOrganizationalUnitResponse,
};
use kernel::{Ctx, Result};

use super::page;
use crate::errors;
use crate::rules::tags;
use crate::state::organization::{Organization, Unit, change, managed};

const UNITS_MAX: usize = 2_000;
/// Units below each other.
const DEPTH_MAX: usize = 5;

fn shown(organization: &Organization, id: &str, unit: &Unit) -> OrganizationalUnit {
    OrganizationalUnit {
        id: Some(id.to_owned()),
        arn: Some(organization.arn(format_args!("ou/{}/{id}", organization.id))),
        name: Some(unit.name.clone()),
        path: Some(organization.path(id)),
    }
}

/// Names are unique under a parent.
fn check_name(organization: &Organization, parent: &str, name: &str) -> Result<()> {
    let is_taken = organization.units.values().any(|unit| unit.parent == parent && unit.name == name);
    if is_taken { Err(errors::duplicate_unit()) } else { Ok(()) }
}

pub async fn create_organizational_unit(
    ctx: &Ctx,
    input: CreateOrganizationalUnitRequest,
) -> Result<CreateOrganizationalUnitResponse> {
    let tail = ctx.ids().hex(8);
    let unit = change(ctx, move |_, organization| {
        let CreateOrganizationalUnitRequest { parent_id, name, tags } = &input;
        if !organization.is_parent(parent_id) {
            return Err(errors::no_such_parent());
        }
        if organization.units.len() >= UNITS_MAX {
            return Err(errors::constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have too many OUs."));
        }
        // The line begins with the root.
        if organization.line(parent_id).len() > DEPTH_MAX {
            let message = "You've exceeded the number of levels of OUs: 5.";
            return Err(errors::constraint("OU_DEPTH_LIMIT_EXCEEDED", message));
        }
        check_name(organization, parent_id, name)?;
        let id = format!("ou-{}-{tail}", organization.root.trim_start_matches("r-"));
        let unit = Unit { name: name.clone(), parent: parent_id.clone() };
        tags::add(organization.tags.entry(id.clone()).or_default(), tags.as_deref().unwrap_or_default())?;
        organization.units.insert(id.clone(), unit.clone());
        organization.attach_full(&id);
        Ok(shown(organization, &id, &unit))
    })
    .await?;
    Ok(CreateOrganizationalUnitResponse { organizational_unit: Some(unit) })
}

pub async fn describe_organizational_unit(
    ctx: &Ctx,
    input: DescribeOrganizationalUnitRequest,
) -> Result<DescribeOrganizationalUnitResponse> {
    let organization = managed(ctx).await?;
    let id = &input.organizational_unit_id;
    let unit = organization.units.get(id).ok_or_else(errors::no_such_unit)?;
    Ok(DescribeOrganizationalUnitResponse { organizational_unit: Some(shown(&organization, id, unit)) })
}

pub async fn update_organizational_unit(
    ctx: &Ctx,
    input: UpdateOrganizationalUnitRequest,
) -> Result<UpdateOrganizationalUnitResponse> {
    let unit = change(ctx, move |_, organization| {
        let id = &input.organizational_unit_id;
        let mut unit = organization.units.get(id).cloned().ok_or_else(errors::no_such_unit)?;
        if let Some(name) = input.name.as_ref().filter(|name| **name != unit.name) {
            check_name(organization, &unit.parent, name)?;
            unit.name.clone_from(name);
        }
        organization.units.insert(id.clone(), unit.clone());
        Ok(shown(organization, id, &unit))
    })
    .await?;
    Ok(UpdateOrganizationalUnitResponse { organizational_unit: Some(unit) })
}

pub async fn delete_organizational_unit(ctx: &Ctx, input: DeleteOrganizationalUnitRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        let id = input.organizational_unit_id.as_str();
        let has_children = organization.units.values().any(|unit| unit.parent == id)
            || organization.accounts.values().any(|account| account.parent == id);
        if has_children {
            return Err(errors::unit_not_empty());
        }
        organization.units.remove(id).ok_or_else(errors::no_such_unit)?;
        organization.let_go(id);
        Ok(())
    })
    .await
}

pub async fn list_organizational_units_for_parent(
    ctx: &Ctx,
    input: ListOrganizationalUnitsForParentRequest,
) -> Result<ListOrganizationalUnitsForParentResponse> {
    let organization = managed(ctx).await?;
    if !organization.is_parent(&input.parent_id) {
        return Err(errors::no_such_parent());
    }
    let below = organization.units.iter().filter(|(_, unit)| unit.parent == input.parent_id);
    let all = below.map(|(id, unit)| (id.clone(), shown(&organization, id, unit))).collect();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListOrganizationalUnitsForParent", all, |(id, _)| id, token, max)?;
    let organizational_units = Some(found.into_iter().map(|(_, unit)| unit).collect());
    Ok(ListOrganizationalUnitsForParentResponse { organizational_units, next_token })
}
