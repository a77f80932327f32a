//! Instance profiles: a role in a form that an instance can be given.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::fold;
use crate::errors;
use crate::rules::tags::Tags;

/// By name.
static PROFILES: Table<InstanceProfile> = Table::new("iam/instance-profile");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfile {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created_at: Millis,
    pub tags: Tags,
    /// The role's name.
    pub role: Option<String>,
}

impl InstanceProfile {
    pub fn arn(&self, home: &Scope) -> String {
        super::arn(home, format_args!("instance-profile{}{}", self.path, self.name))
    }

    pub fn has_role(&self, name: &str) -> bool {
        self.role.as_ref().is_some_and(|role| role.eq_ignore_ascii_case(name))
    }
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, home: &Scope, name: &str) -> Result<InstanceProfile> {
    PROFILES.get(from, home, fold(name))?.ok_or_else(|| errors::no_such_profile(name))
}

/// # Errors
/// When the name is taken, or there are too many.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &InstanceProfile) -> Result<()> {
    if PROFILES.get(tx, home, fold(&new.name))?.is_some() {
        return Err(errors::profile_exists(&new.name));
    }
    account::count(tx, home, Counted::InstanceProfiles, 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, profile: &InstanceProfile) -> Result<()> {
    PROFILES.put(tx, home, fold(&profile.name), profile)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, profile: &InstanceProfile) -> Result<()> {
    account::count(tx, home, Counted::InstanceProfiles, -1)?;
    PROFILES.delete(tx, home, fold(&profile.name))
}

/// By name.
pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<InstanceProfile>> {
    Ok(PROFILES.all_rows(from, home, ())?.into_iter().map(|(_, profile)| profile).collect())
}
