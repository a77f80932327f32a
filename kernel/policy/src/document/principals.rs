//! `Principal` and `NotPrincipal`: where they may stand, and what may stand in them.
//!
//! Source: IAM user guide, "AWS JSON policy elements: Principal" and "… NotPrincipal".

use super::read::{RawPrincipal, RawStatement, syntax};
use super::{Element, Kind, Malformed, PrincipalEntry};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalType {
    /// The bare `*`: everybody.
    Any,
    Aws,
    Service,
    Federated,
    CanonicalUser,
}

impl PrincipalType {
    fn read(name: &str) -> Option<Self> {
        match name {
            "AWS" => Some(Self::Aws),
            "Service" => Some(Self::Service),
            "Federated" => Some(Self::Federated),
            "CanonicalUser" => Some(Self::CanonicalUser),
            _ => None,
        }
    }

    /// As AWS writes it in its complaints.
    fn loud(self) -> &'static str {
        match self {
            Self::Any => "STAR",
            Self::Aws => "AWS",
            Self::Service => "SERVICE",
            Self::Federated => "FEDERATED",
            Self::CanonicalUser => "CANONICALUSER",
        }
    }
}

pub(super) fn check_presence(kind: Kind, statement: &RawStatement) -> Result<(), Malformed> {
    let some = statement.principal.is_some() || statement.not_principal.is_some();
    match kind {
        Kind::Identity | Kind::Session | Kind::ServiceControl if some => {
            Err(Malformed::new("Policy document should not specify a principal."))
        }
        Kind::Identity | Kind::Session | Kind::ServiceControl => Ok(()),
        Kind::Resource | Kind::Trust | Kind::ResourceControl if !some => {
            Err(Malformed::new("Missing required field Principal"))
        }
        Kind::Trust | Kind::Resource | Kind::ResourceControl => {
            check_negation(kind, statement)?;
            match (&statement.principal, kind) {
                (Some(RawPrincipal::Bare(bare)), Kind::Trust) => {
                    let wording =
                        format!("AssumeRolepolicy contained an invalid principal: \"STAR\":\"{bare}\".");
                    Err(Malformed::new(wording))
                }
                (Some(RawPrincipal::Typed(entries)), _) if entries.iter().all(|(_, v)| v.is_empty()) => {
                    Err(Malformed::new("Missing required field Principal cannot be empty!"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// All but those named is a way to deny, not to trust.
fn check_negation(kind: Kind, statement: &RawStatement) -> Result<(), Malformed> {
    if statement.not_principal.is_none() {
        return Ok(());
    }
    let allows = statement.effect.as_deref().is_some_and(|effect| effect.eq_ignore_ascii_case("Allow"));
    match kind {
        _ if allows => Err(Malformed::new("Allow with NotPrincipal is not allowed.")),
        Kind::Trust | Kind::ResourceControl => Err(Malformed::new("Has prohibited field NotPrincipal")),
        _ => Ok(()),
    }
}

pub(super) fn read(
    kind: Kind,
    principal: Option<RawPrincipal>,
    not_principal: Option<RawPrincipal>,
) -> Result<Option<Element<PrincipalEntry>>, Malformed> {
    let (raw, except) = match (principal, not_principal) {
        (Some(raw), _) => (raw, false),
        (None, Some(raw)) => (raw, true),
        (None, None) => return Ok(None),
    };
    let entries = entries(raw)?;
    let everybody = |(kind, name): &PrincipalEntry| *kind == PrincipalType::Any || name == "*";
    if kind == Kind::ResourceControl && !entries.iter().all(everybody) {
        return Err(Malformed::new("a resource control policy speaks of everybody: Principal must be \"*\""));
    }
    Ok(Some(Element { except, entries }))
}

fn entries(raw: RawPrincipal) -> Result<Vec<PrincipalEntry>, Malformed> {
    let typed = match raw {
        RawPrincipal::Bare(text) if text == "*" => return Ok(vec![(PrincipalType::Any, text)]),
        RawPrincipal::Bare(text) => return Err(invalid(PrincipalType::Any, &text)),
        RawPrincipal::Typed(typed) => typed,
    };
    let mut entries = Vec::new();
    for (name, values) in typed {
        let Some(kind) = PrincipalType::read(&name) else {
            return Err(syntax(format!("unknown type of principal {name}")));
        };
        for value in values {
            if !is_well_formed(kind, &value) {
                return Err(invalid(kind, &value));
            }
            entries.push((kind, value));
        }
    }
    Ok(entries)
}

fn invalid(kind: PrincipalType, value: &str) -> Malformed {
    Malformed::new(format!("Invalid principal in policy: \"{}\":\"{value}\"", kind.loud()))
}

fn is_well_formed(kind: PrincipalType, value: &str) -> bool {
    match kind {
        PrincipalType::Any => value == "*",
        PrincipalType::Aws => {
            value == "*" || is_account(value) || is_unique_id(value) || is_principal_arn(value)
        }
        PrincipalType::Service => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
            value.contains('.') && value.bytes().all(plain)
        }
        PrincipalType::Federated | PrincipalType::CanonicalUser => !value.is_empty(),
    }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// What a user's or role's ARN becomes when the policy is saved: `AIDA…`, `AROA…`.
fn is_unique_id(text: &str) -> bool {
    let known = text.starts_with("AIDA") || text.starts_with("AROA");
    known && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The ARN of an account, user, role, role session or federated user, without wildcards. Groups are no principals.
fn is_principal_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, vendor, region, account, name) = (next(), next(), next(), next(), next(), next());
    let named = |prefixes: &[&str]| {
        prefixes.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
    };
    let who = match vendor {
        "iam" => name == "root" || named(&["user/", "role/"]),
        "sts" => named(&["assumed-role/", "federated-user/"]),
        _ => false,
    };
    arn == "arn"
        && partition.starts_with("aws")
        && region.is_empty()
        && is_account(account)
        && who
        && !text.contains(['*', '?'])
}
