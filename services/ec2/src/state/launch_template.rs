//! Launch templates: a name, and numbered versions that never change.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::LaunchTemplateId;
use super::tag::{self, Tags};
use crate::errors;
use crate::rules::launch_template::{Data, Named, Wanted};
use crate::rules::quota;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchTemplate {
    pub id: LaunchTemplateId,
    pub name: String,
    pub created_at: Millis,
    /// The ARN of who made it.
    pub created_by: String,
    pub default_version: u64,
    /// The last number given. A version of it may be gone.
    pub latest_version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub number: u64,
    pub description: Option<String>,
    pub created_at: Millis,
    pub created_by: String,
    pub data: Data,
}

static TEMPLATES: Table<LaunchTemplate> = Table::new("ec2/launch-template");
static NAMES: Table<LaunchTemplateId> = Table::new("ec2/launch-template-name");
/// By template and number.
static VERSIONS: Table<Version> = Table::new("ec2/launch-template-version");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &LaunchTemplateId) -> Result<Option<LaunchTemplate>> {
    TEMPLATES.get(from, scope, id)
}

/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateName.NotFoundException`.
pub fn get(from: &mut impl Reader, scope: &Scope, named: &Named) -> Result<LaunchTemplate> {
    match named {
        Named::Id(id) => find(from, scope, id)?.ok_or_else(|| errors::template_not_found(id)),
        Named::Name(name) => {
            let id = NAMES.get(from, scope, name.as_str())?;
            let found = id.map(|id| find(from, scope, &id)).transpose()?.flatten();
            found.ok_or_else(|| errors::template_name_not_found(name))
        }
    }
}

/// In the order of their ids.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<LaunchTemplate>> {
    TEMPLATES.all(from, scope, ())
}

/// # Errors
/// `InvalidLaunchTemplateName.AlreadyExistsException`, `MaxTemplateLimitExceeded`.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    template: &LaunchTemplate,
    first: &Version,
    tags: Tags,
) -> Result<()> {
    if NAMES.get(tx, scope, template.name.as_str())?.is_some() {
        return Err(errors::template_name_taken());
    }
    let quota = quota::LAUNCH_TEMPLATES;
    quota.check(TEMPLATES.list(tx, scope, (), None, quota.most)?.len())?;
    NAMES.put(tx, scope, template.name.as_str(), &template.id)?;
    tag::put(tx, scope, &template.id, tags)?;
    put(tx, scope, template)?;
    VERSIONS.put(tx, scope, (&template.id, first.number), first)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, template: &LaunchTemplate) -> Result<()> {
    TEMPLATES.put(tx, scope, &template.id, template)
}

/// Adds a version under the next number.
///
/// # Errors
/// `MaxTemplateVersionLimitExceeded`.
pub fn add_version(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    mut template: LaunchTemplate,
    version: Version,
) -> Result<(LaunchTemplate, Version)> {
    let quota = quota::LAUNCH_TEMPLATE_VERSIONS;
    quota.check(VERSIONS.list(tx, scope, &template.id, None, quota.most)?.len())?;
    template.latest_version += 1;
    let version = Version { number: template.latest_version, ..version };
    put(tx, scope, &template)?;
    VERSIONS.put(tx, scope, (&template.id, version.number), &version)?;
    Ok((template, version))
}

/// In the order of their numbers.
pub fn versions(from: &mut impl Reader, scope: &Scope, template: &LaunchTemplate) -> Result<Vec<Version>> {
    VERSIONS.all(from, scope, &template.id)
}

/// # Errors
/// `InvalidLaunchTemplateId.VersionNotFound`.
pub fn get_version(
    from: &mut impl Reader,
    scope: &Scope,
    template: &LaunchTemplate,
    wanted: Wanted,
) -> Result<Version> {
    let number = match wanted {
        Wanted::Number(number) => number,
        Wanted::Default => template.default_version,
        Wanted::Latest => match versions(from, scope, template)?.last() {
            Some(last) => last.number,
            None => template.latest_version,
        },
    };
    let found = VERSIONS.get(from, scope, (&template.id, number))?;
    found.ok_or_else(|| errors::template_version_not_found(number, &template.id))
}

pub fn delete_version(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    template: &LaunchTemplate,
    number: u64,
) -> Result<()> {
    VERSIONS.delete(tx, scope, (&template.id, number))
}

/// With all its versions.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, template: &LaunchTemplate) -> Result<()> {
    for version in versions(tx, scope, template)? {
        delete_version(tx, scope, template, version.number)?;
    }
    tag::forget(tx, scope, &template.id)?;
    NAMES.delete(tx, scope, template.name.as_str())?;
    TEMPLATES.delete(tx, scope, &template.id)
}
