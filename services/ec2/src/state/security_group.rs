//! Security groups: named sets of rules that interfaces wear.

use ipnet::{Ipv4Net, Ipv6Net};
use kernel::tx::Reader;
use kernel::{AccountId, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::quota;
use crate::rules::security_group as rules;
use crate::state::id::{GroupId, PrefixListId, RuleId, VpcId};
use crate::state::{tag, vpc};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: GroupId,
    pub vpc: VpcId,
    pub name: String,
    pub description: String,
    /// Of both directions, in the order they were added.
    pub rules: Vec<Rule>,
}

/// One permission: one protocol and range of ports, one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: RuleId,
    pub egress: bool,
    pub traffic: Traffic,
    pub peer: Peer,
    pub description: Option<String>,
}

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Traffic {
    All,
    Tcp {
        from: u16,
        to: u16,
    },
    Udp {
        from: u16,
        to: u16,
    },
    /// `None` for any type, or any code.
    Icmp {
        kind: Option<u8>,
        code: Option<u8>,
    },
    Icmpv6 {
        kind: Option<u8>,
        code: Option<u8>,
    },
    /// All of another IP protocol, by its number.
    Protocol(u8),
}

/// From whom, or to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    Ipv4(Ipv4Net),
    Ipv6(Ipv6Net),
    /// Every interface that wears the group.
    Group {
        id: GroupId,
        account: AccountId,
        /// The group's VPC, where it is another one, on the other side of a peering.
        #[serde(default)]
        foreign: Option<VpcId>,
    },
    PrefixList(PrefixListId),
}

static GROUPS: Table<SecurityGroup> = Table::new("ec2/security-group");
/// By VPC and name.
static NAMES: Table<GroupId> = Table::new("ec2/security-group-name");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &GroupId) -> Result<Option<SecurityGroup>> {
    GROUPS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &GroupId) -> Result<SecurityGroup> {
    find(from, scope, id)?.ok_or_else(|| errors::group_not_found(id.clone()))
}

pub fn find_by_name(
    from: &mut impl Reader,
    scope: &Scope,
    vpc: &VpcId,
    name: &str,
) -> Result<Option<SecurityGroup>> {
    match NAMES.get(from, scope, (vpc, name))? {
        Some(id) => find(from, scope, &id),
        None => Ok(None),
    }
}

/// The group called `name` in `vpc`; [`rules::DEFAULT_NAME`] is in every VPC.
pub fn get_by_name(from: &mut impl Reader, scope: &Scope, vpc: &VpcId, name: &str) -> Result<SecurityGroup> {
    find_by_name(from, scope, vpc, name)?.ok_or_else(|| errors::group_not_found_in_vpc(name, vpc))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<SecurityGroup>> {
    GROUPS.all(from, scope, ())
}

/// A new group, with AWS's first rule: everything may leave.
///
/// # Errors
/// When the VPC has a group of that name, or too many groups.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &VpcId,
    name: &str,
    description: &str,
) -> Result<SecurityGroup> {
    if NAMES.get(tx, scope, (vpc, name))?.is_some() {
        return Err(errors::group_duplicate(name, vpc));
    }
    let ids = tx.ctx().ids();
    let mut group = SecurityGroup {
        id: GroupId::fresh(ids),
        vpc: vpc.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        rules: vec![Rule {
            id: RuleId::fresh(ids),
            egress: true,
            traffic: Traffic::All,
            peer: Peer::Ipv4(crate::rules::vpc::ANYWHERE),
            description: None,
        }],
    };
    if vpc::find(tx, scope, vpc)?.is_some_and(|vpc| !vpc.ipv6.is_empty()) {
        group.rules.push(leaving6(RuleId::fresh(tx.ctx().ids())));
    }
    quota::SECURITY_GROUPS.check(NAMES.all(tx, scope, ())?.len())?;
    NAMES.put(tx, scope, (vpc, name), &group.id)?;
    put(tx, scope, &group)?;
    Ok(group)
}

/// Lets what everything may leave for over IPv4 leave over IPv6 as well, in the groups of a VPC that has it from now on:
/// those whose first rule was never touched.
pub fn begin_ipv6(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<Vec<GroupId>> {
    let mut changed = Vec::new();
    for mut group in all(tx, scope)?.into_iter().filter(|group| group.vpc == *vpc) {
        let leaves: Vec<&Rule> = group.rules.iter().filter(|rule| rule.egress).collect();
        let untouched = matches!(leaves.as_slice(), [only] if only.traffic == Traffic::All && only.peer == Peer::Ipv4(crate::rules::vpc::ANYWHERE));
        if untouched {
            let id = RuleId::fresh(tx.ctx().ids());
            group.rules.push(leaving6(id));
            put(tx, scope, &group)?;
            changed.push(group.id);
        }
    }
    Ok(changed)
}

fn leaving6(id: RuleId) -> Rule {
    let peer = Peer::Ipv6(crate::rules::ipv6::ANYWHERE6);
    Rule { id, egress: true, traffic: Traffic::All, peer, description: None }
}

pub(super) fn insert_default(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<SecurityGroup> {
    let mut group = insert(tx, scope, vpc, rules::DEFAULT_NAME, rules::DEFAULT_DESCRIPTION)?;
    let among_themselves = Rule {
        id: RuleId::fresh(tx.ctx().ids()),
        egress: false,
        traffic: Traffic::All,
        peer: Peer::Group { id: group.id.clone(), account: scope.account, foreign: None },
        description: None,
    };
    group.rules.push(among_themselves);
    put(tx, scope, &group)?;
    Ok(group)
}

/// Writes a group whose rules changed. Its name and VPC never do.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: &SecurityGroup) -> Result<()> {
    GROUPS.put(tx, scope, &group.id, group)
}

/// Forgets a group, its rules and their tags. That nothing uses it was checked.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &SecurityGroup) -> Result<()> {
    for rule in &group.rules {
        tag::forget(tx, scope, &rule.id)?;
    }
    tag::forget(tx, scope, &group.id)?;
    NAMES.delete(tx, scope, (&group.vpc, group.name.as_str()))?;
    GROUPS.delete(tx, scope, &group.id)
}
