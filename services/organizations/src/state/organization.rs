//! An organization: one record with its tree, and one for each document. Members point to their management account.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AccountId, Ctx, Millis, Reader, Region, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::place::Places;
use crate::errors;
use crate::rules::policy::PolicyType;

/// Under the management account.
static ORGANIZATIONS: Table<Organization> = Table::new("organizations/organization");
/// Under each account, the management account's included.
static MEMBERS: Table<AccountId> = Table::new("organizations/member");
/// Documents, by id, under the management account.
static CONTENTS: Table<String> = Table::new("organizations/policy");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    pub id: String,
    pub management: AccountId,
    pub root: String,
    /// `false`: consolidated billing only, without policies.
    pub all_features: bool,
    pub enabled: BTreeSet<PolicyType>,
    pub units: BTreeMap<String, Unit>,
    /// By number.
    pub accounts: BTreeMap<String, Account>,
    /// Requests to make accounts, by id.
    pub requests: BTreeMap<String, Request>,
    pub policies: BTreeMap<String, Policy>,
    /// Policies by what they are attached to.
    pub attached: BTreeMap<String, BTreeSet<String>>,
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    pub name: String,
    pub parent: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub email: String,
    pub parent: String,
    pub joined_at: Millis,
    pub is_closed: bool,
    /// Made by this organization and ready, or the management account; `false` while it is being made.
    pub is_ready: bool,
    /// Came by an invitation.
    #[serde(default)]
    pub is_invited: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub account: String,
    pub name: String,
    pub role: String,
    pub requested_at: Millis,
    /// `None` while it goes on.
    pub completed_at: Option<Millis>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub description: String,
    pub policy_type: PolicyType,
}

impl Organization {
    pub fn arn(&self, resource: impl std::fmt::Display) -> String {
        format!("arn:aws:organizations::{}:{resource}", self.management)
    }

    /// The parent of a unit or an account; `None` for the root and what is not there.
    pub fn parent(&self, id: &str) -> Option<&str> {
        let unit = || self.units.get(id).map(|unit| unit.parent.as_str());
        self.accounts.get(id).map(|account| account.parent.as_str()).or_else(unit)
    }

    pub fn is_parent(&self, id: &str) -> bool {
        id == self.root || self.units.contains_key(id)
    }

    pub fn is_target(&self, id: &str) -> bool {
        self.is_parent(id) || self.accounts.contains_key(id)
    }

    /// From the root down to `id`, both included.
    pub fn line<'o>(&'o self, id: &'o str) -> Vec<&'o str> {
        let mut line: Vec<&str> = std::iter::successors(Some(id), |id| self.parent(id)).collect();
        line.reverse();
        line
    }

    /// `o-…/r-…/ou-…/`, ending in `id`.
    pub fn path(&self, id: &str) -> String {
        self.line(id).iter().fold(format!("{}/", self.id), |path, step| format!("{path}{step}/"))
    }

    pub fn policies_of(&self, target: &str) -> impl Iterator<Item = &str> {
        self.attached.get(target).into_iter().flatten().map(String::as_str)
    }

    pub fn type_of(&self, policy: &str) -> Option<PolicyType> {
        PolicyType::of_full(policy).or_else(|| self.policies.get(policy).map(|policy| policy.policy_type))
    }

    /// Everything policies may be attached to.
    pub fn targets(&self) -> Vec<String> {
        let below = self.units.keys().chain(self.accounts.keys()).cloned();
        std::iter::once(self.root.clone()).chain(below).collect()
    }

    /// Something new begins with the policies that allow everything.
    pub fn attach_full(&mut self, target: &str) {
        let full = self.enabled.iter().map(|one| one.full().id.to_owned()).collect();
        self.attached.insert(target.to_owned(), full);
    }

    /// Forgets what is attached to something that goes.
    pub fn let_go(&mut self, target: &str) {
        self.attached.remove(target);
        self.tags.remove(target);
    }
}

/// Where an account's records are kept, whatever the region.
pub fn home_of(account: AccountId) -> Scope {
    let region: Region = "aws-global".parse().expect("a region's name");
    Scope { account, region }
}

/// The organization an account is in.
pub fn find(from: &mut impl Reader, account: AccountId) -> Result<Option<Organization>> {
    match MEMBERS.get(from, &home_of(account), ())? {
        Some(management) => ORGANIZATIONS.get(from, &home_of(management), ()),
        None => Ok(None),
    }
}

/// The organization of the caller's account, whichever place it has there.
pub async fn mine(ctx: &Ctx) -> Result<Organization> {
    ctx.read(|snap| find(snap, ctx.account())).await?.ok_or_else(errors::not_in_use)
}

/// The organization that the caller's account manages.
pub async fn managed(ctx: &Ctx) -> Result<Organization> {
    check_management(ctx, mine(ctx).await?)
}

fn check_management(ctx: &Ctx, organization: Organization) -> Result<Organization> {
    if organization.management == ctx.account() { Ok(organization) } else { Err(errors::access_denied()) }
}

/// Changes the organization that the caller's account manages, and then what the gate knows of it, even if the caller
/// goes away meanwhile.
pub async fn change<T: Send + 'static>(
    ctx: &Ctx,
    mut f: impl FnMut(&mut Tx<'_, '_>, &mut Organization) -> Result<T> + Send + 'static,
) -> Result<T> {
    let account = ctx.account();
    edit(ctx, move |tx| {
        let found = find(tx, account)?.ok_or_else(errors::not_in_use)?;
        let mut organization = check_management(tx.ctx(), found)?;
        let value = f(tx, &mut organization)?;
        put(tx, &organization)?;
        Ok(value)
    })
    .await
}

/// A transaction after which the gate forgets what it knew of places.
pub async fn edit<T: Send + 'static>(
    ctx: &Ctx,
    f: impl FnMut(&mut Tx<'_, '_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let task = ctx.clone();
    ctx.see_through(async move {
        let outcome = task.write(f).await;
        task.own::<Places>().forget_all();
        outcome
    })
    .await
}

pub fn put(tx: &mut Tx<'_, '_>, organization: &Organization) -> Result<()> {
    ORGANIZATIONS.put(tx, &home_of(organization.management), (), organization)
}

pub fn delete(tx: &mut Tx<'_, '_>, organization: &Organization) -> Result<()> {
    ORGANIZATIONS.delete(tx, &home_of(organization.management), ())
}

pub fn is_member(from: &mut impl Reader, account: AccountId) -> Result<bool> {
    Ok(MEMBERS.get(from, &home_of(account), ())?.is_some())
}

pub fn join(tx: &mut Tx<'_, '_>, account: AccountId, management: AccountId) -> Result<()> {
    MEMBERS.put(tx, &home_of(account), (), &management)
}

pub fn leave(tx: &mut Tx<'_, '_>, account: AccountId) -> Result<()> {
    MEMBERS.delete(tx, &home_of(account), ())
}

/// The document of a policy, the customer's own or one that every organization has.
pub fn content(from: &mut impl Reader, management: AccountId, id: &str) -> Result<String> {
    if let Some(known) = PolicyType::of_full(id) {
        return Ok(known.full().content.to_owned());
    }
    CONTENTS.get(from, &home_of(management), id)?.ok_or_else(errors::no_such_policy)
}

pub fn put_content(tx: &mut Tx<'_, '_>, management: AccountId, id: &str, content: &String) -> Result<()> {
    CONTENTS.put(tx, &home_of(management), id, content)
}

pub fn delete_content(tx: &mut Tx<'_, '_>, management: AccountId, id: &str) -> Result<()> {
    CONTENTS.delete(tx, &home_of(management), id)
}

/// Every organization, for the controller that makes accounts.
pub async fn all(ctx: &Ctx, limit: usize) -> Result<Vec<Organization>> {
    let rows = ctx.read(|snap| ORGANIZATIONS.list_all(snap, None, limit)).await?;
    Ok(rows.into_iter().map(|(_, organization)| organization).collect())
}
