//! Who of the services does what: operations, paths, and the questions that one service answers for all.

use std::any::{Any, TypeId};
use std::sync::Arc;

use shape::{OpDef, Protocol, ServiceDef};

use super::{HOUSE_SCOPE, House};
use crate::access::ResourceFacts;
use crate::arn::{AccountId, Arn};
use crate::authorize::{Asked, Attached};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::gate::not_implemented;
use crate::local::{LocalRequest, LocalResponse};
use crate::membership::Membership;
use crate::request_log::Requested;
use crate::scope::Scope;
use crate::service::Served;
use crate::timers::TimerHandler;

impl House {
    /// Answers a path of the house; `None` when it is nobody's.
    pub async fn local(self: &Arc<Self>, request: LocalRequest) -> Option<Result<LocalResponse>> {
        let routes = self.services.iter().flat_map(|service| &service.routes);
        let fits = |route: &&crate::local::LocalRoute| {
            route.method == request.method && request.path.starts_with(route.path_prefix)
        };
        let route = routes.filter(fits).max_by_key(|route| route.path_prefix.len())?;
        let _working = self.begin_work().await?;
        Some((route.handle)(self.ctx(route.service, HOUSE_SCOPE), request).await)
    }

    /// What condition keys of a service begin with, if it stores objects.
    pub(crate) fn object_store_prefix(&self, service: &str) -> Option<&'static str> {
        let def = self.services.get(service)?.def;
        def.routing.object_store.then_some(def.action_prefix)
    }

    /// The services here, by name.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceDef> + '_ {
        self.services.iter().map(|service| service.def)
    }

    /// Whether a service here serves the operation.
    pub fn serves(&self, op: &OpDef) -> bool {
        self.served(op).is_ok()
    }

    pub(crate) fn served(&self, op: &OpDef) -> Result<&dyn Served> {
        let served = self.services.get(op.service).and_then(|service| service.ops.get(op.name));
        served.map(|served| &**served).ok_or_else(|| not_implemented(op.service, op.name))
    }

    pub(crate) fn origins_of(&self, service: &str) -> Option<(&'static str, &crate::beside::AnswerOrigins)> {
        let service = self.services.get(service)?;
        Some((service.def.name, service.origins.as_ref()?))
    }

    /// Who keeps logs of a service's requests.
    pub fn request_log(&self, service: &str) -> Option<&dyn crate::request_log::RequestLog> {
        self.services.get(service)?.request_log.as_deref()
    }

    /// Tells the keeper of a service's log of a request that was answered.
    pub async fn note_request(self: &Arc<Self>, service: &str, requested: Requested<'_>) {
        let Some(service) = self.services.get(service) else { return };
        if let Some(log) = &service.request_log {
            log.note(self.ctx(service.def.name, HOUSE_SCOPE), requested).await;
        }
    }

    pub(crate) fn forms_of(&self, service: &str) -> Option<&crate::beside::AnswerForm> {
        self.services.get(service)?.forms.as_ref()
    }

    pub(crate) fn keeper_of_certificates(
        &self,
        action_prefix: &str,
    ) -> Option<(&'static str, &crate::certificates::FindCertificate)> {
        let service = self.services.iter().find(|service| service.def.action_prefix == action_prefix)?;
        Some((service.def.name, service.certificates.as_ref()?))
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = (&'static str, &crate::beside::Site)> {
        self.services.iter().flat_map(|s| s.sites.iter().map(|site| (s.def.name, site)))
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &crate::notice::TakeNotice> {
        self.services.iter().filter_map(|service| service.notice.as_ref())
    }

    pub(crate) fn action_prefix(&self, service: &str) -> &'static str {
        self.services.get(service).map_or("", |service| service.def.action_prefix)
    }

    pub(crate) fn own<T: Any + Send + Sync>(&self, service: &str) -> &T {
        let owned = self.services.get(service).and_then(|s| s.owned.get(&TypeId::of::<T>()));
        let thing = owned.and_then(|thing| thing.downcast_ref());
        thing.unwrap_or_else(|| panic!("{service} owns no {}", std::any::type_name::<T>()))
    }

    /// The code and status a denial bears: services that speak XML, JSON and EC2's dialect each have their own.
    pub(crate) fn denial(&self, service: &str) -> (&'static str, u16) {
        let def = self.services.get(service).map(|service| service.def);
        match def.and_then(|def| def.protocols.first().filter(|_| !def.query_compatible)) {
            Some(Protocol::Ec2) => ("UnauthorizedOperation", 403),
            Some(Protocol::Json10 | Protocol::Json11 | Protocol::Cbor) => ("AccessDeniedException", 400),
            Some(Protocol::RestJson) => ("AccessDeniedException", 403),
            Some(Protocol::Query | Protocol::RestXml) | None => ("AccessDenied", 403),
        }
    }

    /// What decides on a resource's own side, as its service knows it.
    pub(crate) async fn attached(self: &Arc<Self>, ctx: &Ctx, asked: Asked<'_>) -> Result<Attached> {
        // Services may share a name.
        let named = self.services.iter().filter(|service| service.def.action_prefix == asked.arn.service);
        let mut those = named.filter_map(|service| Some((service, service.attached.as_ref()?)));
        let Some((service, find)) = those.next() else { return Ok(Attached::default()) };
        let scope = Scope::of_arn(&asked.arn).unwrap_or(*ctx.scope());
        find(ctx.beside(service.def.name, scope), asked).await
    }

    /// The place of an account in an organization; `None` when it is in none, or nobody keeps organizations.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn membership(
        self: &Arc<Self>,
        ctx: &Ctx,
        account: AccountId,
    ) -> Result<Option<Arc<Membership>>> {
        for service in self.services.iter() {
            if let Some(find) = &service.memberships {
                let scope = Scope { account, ..*ctx.scope() };
                return find(ctx.beside(service.def.name, scope), account).await;
            }
        }
        Ok(None)
    }

    /// What the service of a resource knows about it for conditions.
    pub(crate) async fn resource_facts(
        self: &Arc<Self>,
        ctx: &Ctx,
        arn: Arn,
    ) -> Result<Option<ResourceFacts>> {
        let account = arn.account.parse().unwrap_or(ctx.account());
        let region = arn.region.parse().unwrap_or(ctx.region());
        // Services may share a name in ARNs: each knows its own.
        for service in self.services.iter().filter(|service| service.def.action_prefix == arn.service) {
            let Some(find) = &service.resource_facts else { continue };
            let of_it = ctx.beside(service.def.name, Scope { account, region });
            let facts = find(of_it, arn.clone()).await?;
            if facts.is_some() {
                return Ok(facts);
            }
        }
        Ok(None)
    }

    pub(crate) fn timer(&self, service: &str, kind: &str) -> Option<(&'static str, &TimerHandler)> {
        let service = self.services.get(service)?;
        Some((service.def.name, service.timers.get(kind)?))
    }
}
