//! Users, groups and roles: one record each, with everything that is theirs alone.

use std::collections::{BTreeMap, BTreeSet};

use kernel::key::KeyReader;
use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::{access_key, fold, mfa_device, policy_use};
use crate::errors;
use crate::rules::tags::Tags;
use crate::rules::trusted::Trusted;

/// By kind and name.
static IDENTITIES: Table<Identity> = Table::new("iam/identity");
/// By group and user: who is in it.
static MEMBERS: Table<()> = Table::new("iam/member");

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    /// As ARNs and messages name it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Group => "Group",
            Kind::Role => "Role",
        }
    }

    /// What unique ids of the kind begin with.
    pub fn id_prefix(self) -> &'static str {
        match self {
            Kind::User => "AIDA",
            Kind::Group => "AGPA",
            Kind::Role => "AROA",
        }
    }

    fn counted(self) -> Counted {
        match self {
            Kind::User => Counted::Users,
            Kind::Group => Counted::Groups,
            Kind::Role => Counted::Roles,
        }
    }
}

impl Key for Kind {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.word().write_to(out);
    }
}

/// A user, a group or a role as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub kind: Kind,
    pub name: String,
    pub path: String,
    pub id: String,
    pub created_at: Millis,
    pub tags: Tags,
    /// The ARN of a managed policy.
    pub boundary: Option<String>,
    /// Documents by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies, in order of attachment.
    pub attached: Vec<String>,
    /// Of a user: the folded names of its groups.
    pub groups: BTreeSet<String>,
    /// Of a user: ids.
    pub access_keys: Vec<String>,
    pub login: Option<Login>,
    /// Of a user: serial numbers.
    pub mfa_devices: Vec<String>,
    pub role: Option<RoleFacts>,
}

/// A user's way into the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Login {
    pub created_at: Millis,
    pub changed_at: Millis,
    pub reset_required: bool,
    /// The password's hash, then those before it, latest first.
    pub hashes: Vec<String>,
}

/// What only roles have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleFacts {
    /// The document that says who may take it on.
    pub trust: String,
    /// Whom it names, by unique id.
    #[serde(default)]
    pub trusted: Trusted,
    pub description: Option<String>,
    pub session_s_max: i32,
    /// The service whose role it is.
    pub linked_service: Option<String>,
}

impl Identity {
    pub fn new(kind: Kind, name: String, path: Option<String>, id: String, now: Millis) -> Self {
        Self {
            kind,
            name,
            path: path.unwrap_or_else(|| "/".to_owned()),
            id,
            created_at: now,
            tags: Tags::default(),
            boundary: None,
            inline: BTreeMap::new(),
            attached: Vec::new(),
            groups: BTreeSet::new(),
            access_keys: Vec::new(),
            login: None,
            mfa_devices: Vec::new(),
            role: None,
        }
    }

    pub fn arn(&self, home: &Scope) -> String {
        super::arn(home, format_args!("{}{}{}", self.kind.word(), self.path, self.name))
    }

    /// # Errors
    /// When it is a service's own role.
    pub fn check_is_ours(&self) -> Result<()> {
        match self.role.as_ref().is_some_and(|role| role.linked_service.is_some()) {
            true => Err(errors::protected_role(&self.name)),
            false => Ok(()),
        }
    }

    fn key(&self) -> (Kind, String) {
        (self.kind, fold(&self.name))
    }
}

pub fn find(from: &mut impl Reader, home: &Scope, kind: Kind, name: &str) -> Result<Option<Identity>> {
    IDENTITIES.get(from, home, (kind, fold(name)))
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, home: &Scope, kind: Kind, name: &str) -> Result<Identity> {
    find(from, home, kind, name)?.ok_or_else(|| errors::no_such_identity(kind, name))
}

/// # Errors
/// When the name is taken, or there are too many.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &Identity) -> Result<()> {
    if find(tx, home, new.kind, &new.name)?.is_some() {
        return Err(errors::identity_exists(new.kind, &new.name));
    }
    account::count(tx, home, new.kind.counted(), 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, identity: &Identity) -> Result<()> {
    IDENTITIES.put(tx, home, identity.key(), identity)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, identity: &Identity) -> Result<()> {
    policy_use::forget_boundary(tx, home, identity)?;
    account::count(tx, home, identity.kind.counted(), -1)?;
    IDENTITIES.delete(tx, home, identity.key())
}

/// Every identity of a kind, by name.
pub fn list(from: &mut impl Reader, home: &Scope, kind: Kind) -> Result<Vec<Identity>> {
    Ok(IDENTITIES.all_rows(from, home, kind)?.into_iter().map(|(_, identity)| identity).collect())
}

pub fn join(tx: &mut Tx<'_, '_>, home: &Scope, group: &str, user: &str) -> Result<()> {
    MEMBERS.put(tx, home, (fold(group), fold(user)), &())
}

pub fn leave(tx: &mut Tx<'_, '_>, home: &Scope, group: &str, user: &str) -> Result<()> {
    MEMBERS.delete(tx, home, (fold(group), fold(user)))
}

/// Folded names of a group's users.
pub fn members(from: &mut impl Reader, home: &Scope, group: &str) -> Result<Vec<String>> {
    let group = fold(group);
    let rows = MEMBERS.all_rows(from, home, group.as_str())?;
    let name = |key: &[u8]| {
        let mut key = KeyReader(key);
        key.text().and_then(|_| key.text())
    };
    Ok(rows.iter().filter_map(|(key, ())| name(key)).collect())
}

/// Gives a user or group another name, wherever it is known by the old one.
///
/// # Errors
/// When the name is taken.
pub fn rename(tx: &mut Tx<'_, '_>, home: &Scope, before: &Identity, after: &Identity) -> Result<()> {
    if before.key() == after.key() {
        return put(tx, home, after);
    }
    if find(tx, home, after.kind, &after.name)?.is_some() {
        return Err(errors::identity_exists(after.kind, &after.name));
    }
    match before.kind {
        Kind::User => {
            for group in &before.groups {
                leave(tx, home, group, &before.name)?;
                join(tx, home, group, &after.name)?;
            }
            access_key::rename_user(tx, home, before, &after.name)?;
            mfa_device::rename_user(tx, home, before, &after.name)?;
        }
        Kind::Group => {
            for member in members(tx, home, &before.name)? {
                leave(tx, home, &before.name, &member)?;
                join(tx, home, &after.name, &member)?;
                let mut user = get(tx, home, Kind::User, &member)?;
                user.groups.remove(&fold(&before.name));
                user.groups.insert(fold(&after.name));
                put(tx, home, &user)?;
            }
        }
        Kind::Role => {}
    }
    policy_use::rename(tx, home, before, &after.name)?;
    IDENTITIES.delete(tx, home, before.key())?;
    put(tx, home, after)
}
