//! Target groups: how targets are reached and asked whether they are well.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::Pairs;
use super::load_balancer::AddressType;
use crate::rules::arn;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Sixteen hexadecimal digits.
    pub id: String,
    pub name: String,
    /// `HTTP`
    pub protocol: String,
    /// `HTTP1`, for HTTP and HTTPS only.
    pub protocol_version: Option<String>,
    pub port: i32,
    pub vpc: String,
    pub target_type: TargetType,
    #[serde(default)]
    pub address_type: AddressType,
    pub check: HealthCheck,
    pub created_at: Millis,
    pub attributes: Pairs,
    pub tags: Pairs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetType {
    Instance,
    Ip,
}

impl TargetType {
    pub fn word(self) -> &'static str {
        match self {
            TargetType::Instance => "instance",
            TargetType::Ip => "ip",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub enabled: bool,
    pub protocol: String,
    /// A number, or `traffic-port`.
    pub port: String,
    /// Of HTTP and HTTPS.
    pub path: Option<String>,
    /// HTTP codes, or gRPC's: `200-299,301`.
    pub matcher: Option<String>,
    pub interval_s: i32,
    pub timeout_s: i32,
    pub healthy: i32,
    pub unhealthy: i32,
}

impl TargetGroup {
    pub fn arn(&self, scope: &Scope) -> String {
        arn::target_group(scope, &self.name, &self.id)
    }

    /// Of an application load balancer.
    pub fn is_http(&self) -> bool {
        matches!(&*self.protocol, "HTTP" | "HTTPS")
    }

    pub fn attribute(&self, key: &str) -> &str {
        let set = self.attributes.get(key).map(String::as_str);
        set.unwrap_or_else(|| crate::rules::attribute::default_of_target_group(self, key))
    }
}

static TARGET_GROUPS: Table<TargetGroup> = Table::new("elbv2/target-group");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<TargetGroup>> {
    TARGET_GROUPS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<TargetGroup>> {
    let mut found = TARGET_GROUPS.all(from, scope, ())?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &TargetGroup) -> Result<()> {
    TARGET_GROUPS.put(tx, scope, &*one.id, one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    for target in super::target::all(tx, scope, id)? {
        super::target::delete(tx, scope, id, &target)?;
    }
    TARGET_GROUPS.delete(tx, scope, id)
}
