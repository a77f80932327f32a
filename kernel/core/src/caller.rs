//! Who calls: the identity a request was signed with, or a service acting inside the house.

use std::net::IpAddr;
use std::sync::Arc;

use crate::arn::{AccountId, Partition};
use crate::manner::Manner;
use crate::private_way::PrivateWay;
use crate::sessions::{Session, SessionOf};

/// The identity behind a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The account itself.
    Root,
    /// A service of the house, as `sqs.amazonaws.com` would be.
    Service(&'static str),
    /// Nobody: the request bore no signature.
    Anonymous,
    /// A user, a role's session or a federated user, by its ARN and unique id.
    Identity { arn: Arc<str>, unique_id: Arc<str> },
}

/// Who calls, from where, and with what.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: AccountId,
    pub principal: Principal,
    /// The session it was signed in; `None` for lasting credentials.
    pub session: Option<Arc<Session>>,
    /// The access key that signed; empty for anonymous and internal callers.
    pub access_key: Arc<str>,
    /// The caller's address; `None` inside the house.
    pub source_ip: Option<IpAddr>,
    /// The request came over TLS.
    pub secure: bool,
    /// How the request came over the wire; `None` inside the house.
    pub manner: Option<Arc<Manner>>,
    /// The service that passes the call on for the caller, as ARNs name it; `None` where they came themselves.
    pub via: Option<&'static str>,
    /// The private way the request came by.
    pub way: Option<Arc<PrivateWay>>,
    /// The ARN of the resource a service calls for. Then it has no leave of its own: what it calls must let it in.
    pub source: Option<Arc<str>>,
}

impl Caller {
    /// A service of the house acting for `account`.
    pub fn service(name: &'static str, account: AccountId) -> Self {
        Self {
            account,
            principal: Principal::Service(name),
            session: None,
            access_key: Arc::default(),
            source_ip: None,
            secure: true,
            manner: None,
            via: None,
            way: None,
            source: None,
        }
    }

    /// The address as it is seen in public; `None` for who comes by a private way.
    pub(crate) fn public_ip(&self) -> Option<IpAddr> {
        self.source_ip.filter(|_| self.way.is_none())
    }

    /// What the client calls itself, and a service by its name.
    pub(crate) fn user_agent(&self) -> &str {
        match (&self.manner, &self.principal) {
            (Some(manner), _) => &manner.user_agent,
            (None, Principal::Service(name)) => name,
            (None, _) => "",
        }
    }

    /// `sqs.amazonaws.com`, of the service that passes the call on.
    pub fn via_name(&self) -> Option<String> {
        self.via.map(|service| format!("{service}.amazonaws.com"))
    }

    /// A session of a role that a service made for itself.
    pub(crate) fn is_service_linked(&self) -> bool {
        let of = self.session.as_ref().map(|session| &session.grant.of);
        matches!(of, Some(SessionOf::Role { role_arn, .. }) if role_arn.contains(":role/aws-service-role/"))
    }

    /// `true` for calls that never crossed the wire.
    pub fn is_internal(&self) -> bool {
        matches!(self.principal, Principal::Service(_))
    }

    /// The ARN that `sts get-caller-identity` shows.
    pub fn arn(&self) -> String {
        match &self.principal {
            Principal::Root => format!("arn:{}:iam::{}:root", Partition::Aws, self.account),
            Principal::Service(name) => {
                format!("arn:{}:iam::{}:service/{name}", Partition::Aws, self.account)
            }
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Identity { arn, .. } => arn.to_string(),
        }
    }
}
