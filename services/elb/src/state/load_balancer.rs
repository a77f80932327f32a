//! Classic load balancers as their owners want them.

use std::collections::BTreeMap;

use balance::FrontId;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use nodes::{Place, Wanted};
use serde::{Deserialize, Serialize};

use super::Pairs;

/// As ARNs name the service.
const SERVICE: &str = "elasticloadbalancing";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Sixteen hexadecimal digits: another one of the same name has others.
    pub id: String,
    pub name: String,
    pub internal: bool,
    pub vpc: String,
    pub zones: Vec<Zone>,
    pub security_groups: Vec<String>,
    /// The name of the first of them, which instances may let in.
    pub source_group: String,
    pub dns_name: String,
    pub created_at: Millis,
    /// By port.
    pub listeners: Vec<Listener>,
    pub policies: Vec<Policy>,
    /// Names of policies by the port of instances.
    pub backends: BTreeMap<i32, Vec<String>>,
    pub check: HealthCheck,
    pub attributes: Attributes,
    pub tags: Pairs,
}

/// A subnet it has an interface in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Zone {
    pub subnet: String,
    pub zone: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    pub port: i32,
    /// `HTTP`
    pub protocol: String,
    pub instance_port: i32,
    pub instance_protocol: String,
    /// An ARN.
    pub certificate: Option<String>,
    /// Names.
    pub policies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub says: Says,
}

/// What a policy says, by its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// Seconds; as long as the browser runs without.
    BalancerCookie(Option<i64>),
    ApplicationCookie(String),
    ProxyProtocol(bool),
    /// The predefined policy that it refers to.
    Tls(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `HTTP:80/index.html`
    pub target: String,
    pub interval_s: i32,
    pub timeout_s: i32,
    pub unhealthy: i32,
    pub healthy: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    pub cross_zone: bool,
    /// Seconds, where connections drain at all.
    pub draining_s: Option<i32>,
    /// What is said of that when it is off.
    pub draining_timeout_s: i32,
    pub idle_s: i32,
    pub log: Option<AccessLog>,
    pub desync: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    pub bucket: String,
    pub prefix: String,
    pub interval_min: i32,
}

impl LoadBalancer {
    pub fn arn(&self, scope: &Scope) -> String {
        arn(scope, &self.name)
    }

    /// What it stands on.
    pub fn interfaces(&self) -> Wanted {
        let place =
            |zone: &Zone| Place { subnet: zone.subnet.clone(), zone: zone.zone.clone(), ..Place::default() };
        Wanted {
            token: format!("elb-{}", self.id),
            description: format!("ELB {}", self.name),
            places: self.zones.iter().map(place).collect(),
            security_groups: self.security_groups.clone(),
            is_public: !self.internal,
            has_six: false,
            carries: false,
        }
    }

    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// The policies of these names.
    pub fn said<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Says> {
        names.iter().filter_map(|name| self.policy(name)).map(|policy| &policy.says)
    }
}

/// Load balancers have no other name than their own.
pub fn arn(scope: &Scope, name: &str) -> String {
    scope.arn(SERVICE, format_args!("loadbalancer/{name}"))
}

/// The engine's id of a load balancer's front.
pub fn front(id: &str) -> FrontId {
    format!("elb-{id}").as_str().into()
}

static LOAD_BALANCERS: Table<LoadBalancer> = Table::new("elb/load-balancer");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<LoadBalancer>> {
    LOAD_BALANCERS.get(from, scope, name)
}

/// By name.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<LoadBalancer>> {
    LOAD_BALANCERS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, LoadBalancer)>> {
    LOAD_BALANCERS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &LoadBalancer) -> Result<()> {
    LOAD_BALANCERS.put(tx, scope, &*one.name, one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    LOAD_BALANCERS.delete(tx, scope, name)
}
