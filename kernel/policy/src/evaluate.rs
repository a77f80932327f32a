//! The decision: AWS's documented order over all kinds of policies.
//!
//! Source: IAM user guide, "How AWS enforcement code logic evaluates requests to allow or deny access",
//! "Policy evaluation for requests within a single account", "Cross-account policy evaluation logic".

use std::sync::Arc;

use crate::context::Context;
use crate::decision::{Decision, Layer, Match, Outcome};
use crate::document::Effect;
use crate::lower::Lower;
use crate::pattern::Pairs;
use crate::policy::{Policy, Question};
use crate::who::{Naming, Who};

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub who: Who<'a>,
    /// `service:Name`, in any case.
    pub action: &'a str,
    /// An ARN, or `*` where the action knows no resource.
    pub resource: &'a str,
    /// The account that owns the resource; `None` means the one that asks.
    pub owner: Option<&'a str>,
    pub context: &'a dyn Context,
}

/// What a resource's own policy is worth in its account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// It may grant; identity policies may too.
    #[default]
    Enough,
    /// Nobody has access unless it says so, itself or by leaving it to the account. So are keys.
    Required,
    /// As required, and it is a role's trust.
    Trust,
}

/// The policies that apply to a request. Empty and `None` mean that there are none of the kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Of the organization of the resource's owner: one list for each level, root first. Each level must allow.
    pub resource_control: &'a [Vec<Arc<Policy>>],
    /// Of the organization of who asks, likewise. Leave empty for its management account and service-linked roles.
    pub service_control: &'a [Vec<Arc<Policy>>],
    /// Of the private way the request came by: it must allow, whoever asks.
    pub endpoint: Option<&'a Policy>,
    pub resource: Option<&'a Policy>,
    /// Allowances given on the resource beside its policy: whom they name needs nothing else, in any account.
    pub grants: &'a [Arc<Policy>],
    pub weight: Weight,
    /// Attached to the user and the groups it is in, or to the role.
    pub identity: &'a [Arc<Policy>],
    pub boundary: Option<&'a Policy>,
    /// Passed when the session was made; together they must allow.
    pub session: Option<&'a [Arc<Policy>]>,
}

/// Decides, and stops as soon as that is possible.
pub fn decide<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let lower = Lower::new(request.action);
    let question = question(request, policies, lower.as_str());
    let deciding = Deciding { question: &question, policies, owner: request.owner };
    deciding.decide()
}

/// Decides, and tells every statement that applies, in order of layers and documents.
pub fn explain<'a>(request: &Request<'_>, policies: &Policies<'a>) -> (Decision<'a>, Vec<Match<'a>>) {
    let lower = Lower::new(request.action);
    let question = question(request, policies, lower.as_str());
    let deciding = Deciding { question: &question, policies, owner: request.owner };
    let mut matches = Vec::new();
    for (layer, policy) in policies.all() {
        let found = [Effect::Deny, Effect::Allow].into_iter().flat_map(|e| policy.applying(e, &question));
        let mut places: Vec<_> =
            found.map(|(statement, _)| Match { layer, policy, place: statement.index() }).collect();
        places.sort_unstable_by_key(|found| found.place);
        matches.append(&mut places);
    }
    (deciding.decide(), matches)
}

fn question<'q>(request: &Request<'q>, policies: &Policies<'_>, lower: &'q str) -> Question<'q> {
    let (vendor, name) = lower.split_once(':').unwrap_or(("", lower));
    let Request { who, resource, context, .. } = *request;
    let bounded = policies.boundary.is_some();
    Question { who, bounded, vendor, name, resource, pairs: Pairs::of(resource), context }
}

impl<'a> Policies<'a> {
    /// Every policy, in the order in which denials are looked for.
    pub fn all(&self) -> impl Iterator<Item = (Layer, &'a Policy)> {
        let of = |layer| move |policy: &'a Arc<Policy>| (layer, &**policy);
        let rcps = self.resource_control.iter().flatten().map(of(Layer::ResourceControl));
        let scps = self.service_control.iter().flatten().map(of(Layer::ServiceControl));
        let endpoint = self.endpoint.map(|policy| (Layer::Endpoint, policy));
        let resource = self.resource.map(|policy| (self.resource_layer(), policy));
        let grants = self.grants.iter().map(of(Layer::Resource));
        let identity = self.identity.iter().map(of(Layer::Identity));
        let boundary = self.boundary.map(|policy| (Layer::Boundary, policy));
        let session = self.session.into_iter().flatten().map(of(Layer::Session));
        let limits = rcps.chain(scps).chain(endpoint);
        limits.chain(resource).chain(grants).chain(identity).chain(boundary).chain(session)
    }

    /// Whether any of them looks at a condition key of which `is_meant` holds: see [`Policy::asks_for`].
    pub fn ask_for(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.all().any(|(_, policy)| policy.asks_for(&is_meant))
    }

    fn resource_layer(&self) -> Layer {
        match self.weight {
            Weight::Trust => Layer::Trust,
            Weight::Enough | Weight::Required => Layer::Resource,
        }
    }
}

struct Deciding<'q, 'a> {
    question: &'q Question<'q>,
    policies: &'q Policies<'a>,
    owner: Option<&'q str>,
}

impl<'a> Deciding<'_, 'a> {
    fn decide(&self) -> Decision<'a> {
        if let Some(denial) = self.denial() {
            return Decision { outcome: Outcome::ExplicitDeny, layer: denial.layer, by: Some(denial) };
        }
        if let Some(silent) = self.silent_organization() {
            return silence(silent);
        }
        let silent = |policy: &'a Policy| self.first(Layer::Endpoint, policy, Effect::Allow).is_none();
        if self.policies.endpoint.is_some_and(silent) {
            return silence(Layer::Endpoint);
        }
        self.grant().unwrap_or_else(silence)
    }

    fn denial(&self) -> Option<Match<'a>> {
        self.policies.all().find_map(|(layer, policy)| self.first(layer, policy, Effect::Deny))
    }

    fn first(&self, layer: Layer, policy: &'a Policy, effect: Effect) -> Option<Match<'a>> {
        let (statement, _) = policy.applying(effect, self.question).next()?;
        Some(Match { layer, policy, place: statement.index() })
    }

    fn allowance(&self, layer: Layer, policies: &'a [Arc<Policy>]) -> Option<Match<'a>> {
        policies.iter().find_map(|policy| self.first(layer, policy, Effect::Allow))
    }

    /// The organization's policies of which a level does not allow.
    fn silent_organization(&self) -> Option<Layer> {
        let is_silent = |layer, levels: &'a [Vec<Arc<Policy>>]| {
            levels.iter().any(|level| self.allowance(layer, level).is_none())
        };
        if is_silent(Layer::ResourceControl, self.policies.resource_control) {
            return Some(Layer::ResourceControl);
        }
        // They limit the principals of accounts: services and strangers have none.
        let has_account = self.question.who.account().is_some();
        (has_account && is_silent(Layer::ServiceControl, self.policies.service_control))
            .then_some(Layer::ServiceControl)
    }

    /// The allowance of the resource's policy that names who asks most directly.
    fn resource_grant(&self) -> Option<(Naming, Match<'a>)> {
        self.most_direct(self.policies.resource_layer(), self.policies.resource?)
    }

    /// Likewise among the grants.
    fn granted(&self) -> Option<(Naming, Match<'a>)> {
        let found = self.policies.grants.iter().filter_map(|grant| self.most_direct(Layer::Resource, grant));
        found.max_by_key(|(naming, _)| *naming)
    }

    fn most_direct(&self, layer: Layer, policy: &'a Policy) -> Option<(Naming, Match<'a>)> {
        let mut best: Option<(Naming, Match<'a>)> = None;
        for (statement, naming) in policy.applying(Effect::Allow, self.question) {
            if best.as_ref().is_none_or(|(known, _)| *known < naming) {
                best = Some((naming, Match { layer, policy, place: statement.index() }));
            }
        }
        best
    }

    /// # Errors
    /// The kind of policies whose silence denies.
    fn grant(&self) -> Result<Decision<'a>, Layer> {
        let resource_layer = self.policies.resource_layer();
        let granted = self.granted();
        match granted {
            Some((Naming::Direct, found)) => return Ok(allowed(found)),
            Some((Naming::Role, found)) => return self.limits().map(|()| allowed(found)),
            Some((Naming::Account, _)) | None => {}
        }
        let resource = self.resource_grant().or(granted);
        let Some(account) = self.question.who.account() else {
            return resource.map(|(_, found)| allowed(found)).ok_or(resource_layer);
        };
        if self.owner.is_some_and(|owner| owner != account) {
            let own_side = self.identity()?;
            self.limits()?;
            let (_, found) = resource.ok_or(resource_layer)?;
            return Ok(own_side.map_or_else(|| allowed(found), allowed));
        }
        match resource {
            Some((Naming::Direct, found)) => Ok(allowed(found)),
            Some((Naming::Role, found)) => {
                self.limits()?;
                Ok(allowed(found))
            }
            None if self.policies.weight != Weight::Enough => Err(resource_layer),
            None | Some((Naming::Account, _)) => {
                let found = self.identity()?;
                self.limits()?;
                let root = Decision { outcome: Outcome::Allowed, layer: Layer::Root, by: None };
                Ok(found.map_or(root, allowed))
            }
        }
    }

    /// What the principal's own policies say; the account itself needs none, and none is named for it.
    fn identity(&self) -> Result<Option<Match<'a>>, Layer> {
        if matches!(self.question.who, Who::Root { .. } | Who::FederatedUser { parent: None, .. }) {
            return Ok(None);
        }
        self.allowance(Layer::Identity, self.policies.identity).map(Some).ok_or(Layer::Identity)
    }

    /// Boundary and session must not be silent where there are any.
    fn limits(&self) -> Result<(), Layer> {
        let silent = |policy: &'a Policy| self.first(Layer::Boundary, policy, Effect::Allow).is_none();
        if self.policies.boundary.is_some_and(silent) {
            return Err(Layer::Boundary);
        }
        match (self.policies.session, self.question.who) {
            (Some(session), _) => self.allowance(Layer::Session, session).map(|_| ()).ok_or(Layer::Session),
            // Who is given a session for somebody else without policies is given nothing.
            (None, Who::FederatedUser { .. }) => Err(Layer::Session),
            (None, _) => Ok(()),
        }
    }
}

fn allowed(by: Match<'_>) -> Decision<'_> {
    Decision { outcome: Outcome::Allowed, layer: by.layer, by: Some(by) }
}

fn silence<'a>(layer: Layer) -> Decision<'a> {
    Decision { outcome: Outcome::ImplicitDeny, layer, by: None }
}
