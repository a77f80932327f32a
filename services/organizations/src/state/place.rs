//! What the gate asks at every decision, kept in memory: an account's place, with the policies that reach it there.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kernel::{AccountId, Ctx, Error, Membership, Reader, Result};
use policy::{Document, Policy};

use super::organization::{self, Organization};
use crate::rules::policy::PolicyType;

/// Services whose resources resource control policies are about, of those that may be here.
const RESOURCE_CONTROLLED: &[&str] = &["kms", "s3", "secretsmanager", "sqs", "sts"];

/// Answers kept, at most [`Places::KEPT_MAX`], until anything changes in any organization.
#[derive(Debug, Default)]
pub struct Places(RwLock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Raised by every change: who was reading meanwhile keeps nothing.
    changes: u64,
    places: HashMap<AccountId, Option<Arc<Membership>>>,
}

impl Places {
    pub const KEPT_MAX: usize = 4_096;

    pub fn forget_all(&self) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept { changes: kept.changes + 1, places: HashMap::new() };
    }

    fn find(&self, account: AccountId) -> Result<Option<Arc<Membership>>, u64> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.places.get(&account).cloned().ok_or(kept.changes)
    }

    fn keep(&self, changes: u64, account: AccountId, place: Option<Arc<Membership>>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.changes == changes {
            if kept.places.len() >= Self::KEPT_MAX {
                kept.places.clear();
            }
            kept.places.insert(account, place);
        }
    }
}

/// The place of an account; `None` when it is in no organization.
pub async fn place_of(ctx: &Ctx, account: AccountId) -> Result<Option<Arc<Membership>>> {
    let changes = match ctx.own::<Places>().find(account) {
        Ok(place) => return Ok(place),
        Err(changes) => changes,
    };
    let place = ctx
        .read(|snap| match organization::find(snap, account)? {
            Some(organization) => collect(snap, &organization, account).map(Some),
            None => Ok(None),
        })
        .await?;
    let place = place.map(Arc::new);
    ctx.own::<Places>().keep(changes, account, place.clone());
    Ok(place)
}

fn collect(snap: &mut impl Reader, organization: &Organization, account: AccountId) -> Result<Membership> {
    let number = account.to_string();
    let parent = organization.parent(&number).unwrap_or(&organization.root);
    let mut place = Membership {
        organization: organization.id.clone(),
        path: organization.path(parent),
        resource_controlled: RESOURCE_CONTROLLED,
        ..Membership::default()
    };
    if organization.management == account {
        return Ok(place);
    }
    if organization.accounts.get(&number).is_some_and(|account| account.is_closed) {
        // A level without a policy allows nothing: nobody acts in a closed account.
        place.service_control = vec![Vec::new()];
        return Ok(place);
    }
    let line = organization.line(&number);
    let mut levels = |wanted| -> Result<Vec<Vec<Arc<Policy>>>> {
        line.iter().map(|target| level(snap, organization, target, wanted)).collect()
    };
    if organization.enabled.contains(&PolicyType::ServiceControl) {
        place.service_control = levels(PolicyType::ServiceControl)?;
    }
    if organization.enabled.contains(&PolicyType::ResourceControl) {
        place.resource_control = levels(PolicyType::ResourceControl)?;
    }
    Ok(place)
}

fn level(
    snap: &mut impl Reader,
    organization: &Organization,
    target: &str,
    wanted: PolicyType,
) -> Result<Vec<Arc<Policy>>> {
    let ids = organization.policies_of(target).filter(|id| organization.type_of(id) == Some(wanted));
    let one = |id: &str| {
        let content = organization::content(snap, organization.management, id)?;
        // What was accepted is read again: a failure is ours.
        let document = Document::parse(wanted.kind(), &content, &[]).map_err(Error::internal)?;
        let name = organization.policies.get(id).map_or(id, |policy| &policy.name);
        Ok(Arc::new(Policy::compile(format!("{name} ({id}) of {target}"), &document)))
    };
    ids.map(one).collect()
}
