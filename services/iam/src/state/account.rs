//! What belongs to the account itself: its alias, password policy, report, and how many of each thing it has.

use kernel::{AccountId, Millis, Reader, Region, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;

/// One per account, under the empty name.
static ACCOUNTS: Table<Account> = Table::new("iam/account");
/// By alias: whose it is. Kept in one scope, since no two accounts share an alias.
static ALIASES: Table<AccountId> = Table::new("iam/alias");
/// By what is counted.
static COUNTS: Table<i32> = Table::new("iam/count");

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub alias: Option<String>,
    pub password_policy: Option<PasswordPolicy>,
    pub credential_report: Option<Report>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub at: Millis,
    pub csv: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    pub length_min: i32,
    pub symbols: bool,
    pub numbers: bool,
    pub uppercase: bool,
    pub lowercase: bool,
    pub users_may_change: bool,
    pub age_days_max: Option<i32>,
    pub reuse_prevention: Option<i32>,
    pub hard_expiry: Option<bool>,
}

/// What there may only be so many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Users,
    Groups,
    Roles,
    Policies,
    InstanceProfiles,
    MfaDevices,
    OidcProviders,
    SamlProviders,
    ServerCertificates,
}

impl Counted {
    /// The name of the quota, and the quota. Source: IAM user guide, "IAM and AWS STS quotas".
    pub fn quota(self) -> (&'static str, i32) {
        match self {
            Counted::Users => ("UsersPerAccount", 5_000),
            Counted::Groups => ("GroupsPerAccount", 300),
            Counted::Roles => ("RolesPerAccount", 1_000),
            Counted::Policies => ("PoliciesPerAccount", 1_500),
            Counted::InstanceProfiles => ("InstanceProfilesPerAccount", 1_000),
            // As many as users may have together.
            Counted::MfaDevices => ("MFADevicesPerAccount", 40_000),
            Counted::OidcProviders => ("OpenIdConnectProvidersPerAccount", 100),
            Counted::SamlProviders => ("SAMLProvidersPerAccount", 100),
            Counted::ServerCertificates => ("ServerCertificatesPerAccount", 20),
        }
    }
}

/// Counts one more or one less.
///
/// # Errors
/// When the quota is reached.
pub fn count(tx: &mut Tx<'_, '_>, home: &Scope, what: Counted, by: i32) -> Result<()> {
    let (name, quota) = what.quota();
    let count = counted(tx, home, what)?.saturating_add(by);
    if by > 0 && count > quota {
        return Err(errors::over_quota(name, quota));
    }
    COUNTS.put(tx, home, name, &count)
}

pub fn counted(from: &mut impl Reader, home: &Scope, what: Counted) -> Result<i32> {
    Ok(COUNTS.get(from, home, what.quota().0)?.unwrap_or(0))
}

pub fn get(from: &mut impl Reader, home: &Scope) -> Result<Account> {
    Ok(ACCOUNTS.get(from, home, "")?.unwrap_or_default())
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, account: &Account) -> Result<()> {
    ACCOUNTS.put(tx, home, "", account)
}

fn alias_scope(home: &Scope) -> Scope {
    let region: Region = home.region;
    Scope { account: AccountId::DEFAULT, region }
}

/// # Errors
/// When another account has it.
pub fn take_alias(tx: &mut Tx<'_, '_>, home: &Scope, alias: &str) -> Result<()> {
    let scope = alias_scope(home);
    if ALIASES.get(tx, &scope, alias)?.is_some_and(|owner| owner != home.account) {
        return Err(errors::alias_exists(alias));
    }
    ALIASES.put(tx, &scope, alias, &home.account)
}

pub fn drop_alias(tx: &mut Tx<'_, '_>, home: &Scope, alias: &str) -> Result<()> {
    ALIASES.delete(tx, &alias_scope(home), alias)
}
