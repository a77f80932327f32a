//! Load balancers as their owners want them.

use std::net::Ipv4Addr;

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use nodes::{Place, Wanted};
use serde::{Deserialize, Serialize};

use super::Pairs;
use crate::rules::arn;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Sixteen hexadecimal digits.
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub internal: bool,
    #[serde(default)]
    pub address_type: AddressType,
    pub vpc: String,
    pub zones: Vec<Zone>,
    pub security_groups: Vec<String>,
    pub dns_name: String,
    pub created_at: Millis,
    /// Those that were set.
    pub attributes: Pairs,
    pub tags: Pairs,
}

/// Which addresses there are: of a load balancer's interfaces, or of the targets of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressType {
    #[default]
    Ipv4,
    /// Of groups only.
    Ipv6,
    /// Of load balancers only.
    Dualstack,
    /// Of load balancers that face the internet, which is to reach them by IPv6 alone.
    DualstackWithoutPublicIpv4,
}

impl AddressType {
    /// AWS's word for it.
    pub fn word(self) -> &'static str {
        match self {
            AddressType::Ipv4 => "ipv4",
            AddressType::Ipv6 => "ipv6",
            AddressType::Dualstack => "dualstack",
            AddressType::DualstackWithoutPublicIpv4 => "dualstack-without-public-ipv4",
        }
    }

    pub fn has_six(self) -> bool {
        self != AddressType::Ipv4
    }

    /// Clients know it by IPv4, too.
    pub fn is_known_by_four(self) -> bool {
        self != AddressType::DualstackWithoutPublicIpv4
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Application,
    Network,
}

impl Kind {
    /// AWS's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Application => "application",
            Kind::Network => "network",
        }
    }

    /// As it stands in ARNs.
    pub fn short(self) -> &'static str {
        match self {
            Kind::Application => "app",
            Kind::Network => "net",
        }
    }
}

/// A subnet it has an interface in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    pub subnet: String,
    pub zone: String,
    /// An elastic address, by its allocation.
    pub allocation: Option<String>,
    pub private_ip: Option<Ipv4Addr>,
}

impl LoadBalancer {
    /// What it stands on.
    pub fn interfaces(&self) -> Wanted {
        let place = |zone: &Zone| Place {
            subnet: zone.subnet.clone(),
            zone: zone.zone.clone(),
            allocation: zone.allocation.clone(),
            private_ip: zone.private_ip,
        };
        Wanted {
            token: format!("elb-{}", self.id),
            description: format!("ELB {}/{}/{}", self.kind.short(), self.name, self.id),
            places: self.zones.iter().map(place).collect(),
            security_groups: self.security_groups.clone(),
            is_public: !self.internal && self.address_type.is_known_by_four(),
            has_six: self.address_type.has_six(),
            carries: self.kind == Kind::Network,
        }
    }

    pub fn arn(&self, scope: &Scope) -> String {
        arn::load_balancer(scope, self.kind, &self.name, &self.id)
    }

    /// `app/web/50dc6c495c0c9188`
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.kind.short(), self.name, self.id)
    }

    /// Its requests are written down for a bucket.
    pub fn is_logged(&self) -> bool {
        self.attribute("access_logs.s3.enabled") == "true"
    }

    pub fn attribute(&self, key: &str) -> &str {
        let set = self.attributes.get(key).map(String::as_str);
        set.unwrap_or_else(|| crate::rules::attribute::default_of_load_balancer(self, key))
    }

    /// Nobody comes to its addresses of IPv6 by an internet gateway.
    pub fn denies_gateways(&self) -> bool {
        self.address_type.has_six() && self.attribute("ipv6.deny_all_igw_traffic") == "true"
    }
}

static LOAD_BALANCERS: Table<LoadBalancer> = Table::new("elbv2/load-balancer");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<LoadBalancer>> {
    LOAD_BALANCERS.get(from, scope, id)
}

/// By name, since that is how they are listed.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<LoadBalancer>> {
    let mut found = LOAD_BALANCERS.all(from, scope, ())?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub fn ids_of_all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    LOAD_BALANCERS.all_ids(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &LoadBalancer) -> Result<()> {
    LOAD_BALANCERS.put(tx, scope, &*one.id, one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    LOAD_BALANCERS.delete(tx, scope, id)
}
