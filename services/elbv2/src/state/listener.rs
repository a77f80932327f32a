//! Listeners: a port, a protocol, and what happens when no rule fits.

use kernel::{Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::Pairs;
use super::action::Action;
use super::load_balancer::LoadBalancer;
use crate::rules::arn;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    pub id: String,
    /// The load balancer's id.
    pub of: String,
    pub port: i32,
    /// `HTTP`
    pub protocol: String,
    pub ssl_policy: Option<String>,
    /// ARNs, the default one first.
    pub certificates: Vec<String>,
    pub alpn: Option<String>,
    pub action: Action,
    pub attributes: Pairs,
    pub tags: Pairs,
}

impl Listener {
    pub fn arn(&self, scope: &Scope, of: &LoadBalancer) -> String {
        arn::listener(scope, of, &self.id)
    }

    pub fn attribute(&self, key: &str) -> &str {
        let set = self.attributes.get(key).map(String::as_str);
        set.unwrap_or_else(|| crate::rules::attribute::default_of_listener(&self.protocol, key))
    }
}

/// By load balancer and id.
static LISTENERS: Table<Listener> = Table::new("elbv2/listener");

pub fn find(from: &mut impl Reader, scope: &Scope, of: &str, id: &str) -> Result<Option<Listener>> {
    LISTENERS.get(from, scope, (of, id))
}

/// Those of a load balancer, by port.
pub fn all(from: &mut impl Reader, scope: &Scope, of: &str) -> Result<Vec<Listener>> {
    let mut found = LISTENERS.all(from, scope, of)?;
    found.sort_by_key(|listener| listener.port);
    Ok(found)
}

/// Those of every load balancer of the account.
pub fn every(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Listener>> {
    LISTENERS.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Listener) -> Result<()> {
    LISTENERS.put(tx, scope, (&*one.of, &*one.id), one)
}

/// With its rules.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Listener) -> Result<()> {
    for rule in super::rule::all(tx, scope, &one.id)? {
        super::rule::delete(tx, scope, &rule)?;
    }
    LISTENERS.delete(tx, scope, (&*one.of, &*one.id))
}
