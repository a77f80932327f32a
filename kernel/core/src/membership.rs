//! What an account's place in an organization means for the gate.

use std::sync::Arc;

use policy::{Policy, Values};

use crate::BoxFuture;
use crate::arn::AccountId;
use crate::ctx::Ctx;
use crate::error::Result;

/// An account's place in an organization, with the policies that reach it there.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// `o-…`
    pub organization: String,
    /// `o-…/r-…/ou-…/`: `aws:PrincipalOrgPaths`.
    pub path: String,
    /// Of each level from the root down to the account; empty where none limit it, as in the management account.
    pub service_control: Vec<Vec<Arc<Policy>>>,
    /// Likewise, for its resources.
    pub resource_control: Vec<Vec<Arc<Policy>>>,
    /// Services, as actions name them, whose resources `resource_control` is about.
    pub resource_controlled: &'static [&'static str],
}

/// Finds an account's place; declared by the service that keeps organizations
/// ([`crate::ServiceBuilder::memberships`]). `None` when it is in none.
pub(crate) type FindMembership =
    Box<dyn Fn(Ctx, AccountId) -> BoxFuture<'static, Result<Option<Arc<Membership>>>> + Send + Sync>;

/// The places of who asks and of whom the resource belongs to.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) caller: Option<Arc<Membership>>,
    pub(crate) owner: Option<Arc<Membership>>,
    pub(crate) owner_account: Option<AccountId>,
}

impl Places {
    /// What limits the caller.
    pub(crate) fn service_control(&self) -> &[Vec<Arc<Policy>>] {
        self.caller.as_ref().map_or(&[], |place| &place.service_control)
    }

    /// What limits this action on the resource.
    pub(crate) fn resource_control(&self, action: &str) -> &[Vec<Arc<Policy>>] {
        let service = action.split(':').next().unwrap_or_default();
        let place = self.owner.as_ref().filter(|place| place.resource_controlled.contains(&service));
        place.map_or(&[], |place| &place.resource_control)
    }

    /// The values of a condition key about organizations and the resource's account.
    pub(crate) fn find(&self, key: &str) -> Option<Values<'_>> {
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        let (caller, owner) = (self.caller.as_ref(), self.owner.as_ref());
        Some(match () {
            () if known("aws:PrincipalOrgID") => Values::from(caller?.organization.as_str()),
            () if known("aws:ResourceOrgID") => Values::from(owner?.organization.as_str()),
            () if known("aws:PrincipalOrgPaths") => Values::Many(vec![caller?.path.clone()].into()),
            () if known("aws:ResourceOrgPaths") => Values::Many(vec![owner?.path.clone()].into()),
            () if known("aws:ResourceAccount") => Values::from(self.owner_account?.to_string()),
            () => return None,
        })
    }
}
