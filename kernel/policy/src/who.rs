//! Who asks, and how a policy that names principals means them.

use crate::document::{Element, PrincipalEntry, PrincipalType};

/// The principal of a request. Accounts are twelve digits, ids the unique ones (`AIDA…`, `AROA…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// The account itself.
    Root {
        account: &'a str,
    },
    User {
        account: &'a str,
        arn: &'a str,
        id: &'a str,
    },
    /// A session of a role: `role_arn` of `iam`, `session_arn` of `sts`.
    RoleSession {
        account: &'a str,
        role_arn: &'a str,
        role_id: &'a str,
        session_arn: &'a str,
    },
    /// A session that a user, or (without a parent) the account itself, made for somebody else.
    FederatedUser {
        account: &'a str,
        session_arn: &'a str,
        parent: Option<Parent<'a>>,
    },
    /// A service acting in its own name.
    Service {
        name: &'a str,
    },
    /// Somebody vouched for by a provider, before a role is taken on: its ARN, or its host name.
    External {
        provider: &'a str,
    },
    Anonymous,
}

/// The user who made a federated session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent<'a> {
    pub arn: &'a str,
    pub id: &'a str,
}

impl<'a> Who<'a> {
    pub fn account(&self) -> Option<&'a str> {
        match *self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Service { .. } | Self::External { .. } | Self::Anonymous => None,
        }
    }
}

/// How directly a policy names somebody, weakest first: what that is worth against other policies' silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// Their account: left to the account's own policies.
    Account,
    /// The role of a session, or the user who made it: limited by boundary and session policies.
    Role,
    /// Themselves, or everybody: limited by nothing.
    Direct,
}

/// `Principal` or `NotPrincipal`, made ready.
#[derive(Clone, Debug)]
pub(crate) struct Principals {
    except: bool,
    entries: Box<[Entry]>,
}

#[derive(Clone, Debug)]
enum Entry {
    Everybody,
    /// `{"AWS": "*"}`: everybody but services and those from outside.
    AnyAws,
    Account(Box<str>),
    /// An ARN or a unique id.
    Named(Box<str>),
    Service(Box<str>),
    External(Box<str>),
    /// Of a kind nobody here is.
    Nobody,
}

impl Principals {
    pub(crate) fn new(written: &Element<PrincipalEntry>) -> Self {
        let entries = written.entries.iter().map(|(kind, name)| Entry::new(*kind, name)).collect();
        Self { except: written.except, entries }
    }

    /// How the statement means them; `None` when it does not.
    ///
    /// `bounded`: they have a permissions boundary. "NotPrincipal" documents that a denial to all but some
    /// reaches these always.
    pub(crate) fn mean(&self, who: &Who<'_>, bounded: bool) -> Option<Naming> {
        let named = self.entries.iter().filter_map(|entry| entry.names(who)).max();
        match (self.except, named) {
            (false, named) => named,
            // Naming the account excepts the account itself, not everyone in it.
            (true, Some(Naming::Role | Naming::Direct)) if !bounded => None,
            (true, _) => Some(Naming::Direct),
        }
    }
}

impl Entry {
    fn new(kind: PrincipalType, name: &str) -> Self {
        match kind {
            PrincipalType::Any => Self::Everybody,
            PrincipalType::Aws if name == "*" => Self::AnyAws,
            PrincipalType::Aws => match account_of(name) {
                Some(account) => Self::Account(account.into()),
                None => Self::Named(name.into()),
            },
            PrincipalType::Service => Self::Service(name.into()),
            PrincipalType::Federated => Self::External(name.into()),
            PrincipalType::CanonicalUser => Self::Nobody,
        }
    }

    fn names(&self, who: &Who<'_>) -> Option<Naming> {
        match (self, *who) {
            (Self::Everybody, _) => Some(Naming::Direct),
            (Self::AnyAws, Who::Service { .. } | Who::External { .. }) => None,
            (Self::AnyAws, _) => Some(Naming::Direct),
            (Self::Account(own), Who::Root { account }) => (**own == *account).then_some(Naming::Direct),
            (Self::Account(own), who) => {
                who.account().filter(|account| **own == **account).map(|_| Naming::Account)
            }
            (Self::Named(own), who) => named(own, &who),
            (Self::Service(own), Who::Service { name }) => (**own == *name).then_some(Naming::Direct),
            (Self::External(own), Who::External { provider }) => {
                (**own == *provider || **own == *"*").then_some(Naming::Direct)
            }
            (Self::Service(_) | Self::External(_) | Self::Nobody, _) => None,
        }
    }
}

fn named(own: &str, who: &Who<'_>) -> Option<Naming> {
    let is = |names: &[&str], naming| names.contains(&own).then_some(naming);
    match *who {
        Who::User { arn, id, .. } => is(&[arn, id], Naming::Direct),
        Who::RoleSession { role_arn, role_id, session_arn, .. } => {
            is(&[session_arn], Naming::Direct).or_else(|| is(&[role_arn, role_id], Naming::Role))
        }
        Who::FederatedUser { session_arn, parent, .. } => {
            let parent = || parent.and_then(|parent| is(&[parent.arn, parent.id], Naming::Role));
            is(&[session_arn], Naming::Direct).or_else(parent)
        }
        _ => None,
    }
}

/// The account that twelve digits, or the ARN of its root, name.
fn account_of(name: &str) -> Option<&str> {
    let digits = match name.strip_suffix(":root") {
        Some(arn) => arn.rsplit(':').next()?,
        None => name,
    };
    crate::document::is_account(digits).then_some(digits)
}
