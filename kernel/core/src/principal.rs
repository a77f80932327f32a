//! Who calls, as policies name them, and what policies may ask about them.

use policy::{Parent, Values, Who};

use crate::access;
use crate::authorize::Granted;
use crate::caller::{Caller, Principal};
use crate::clock::Millis;
use crate::sessions::{SessionGrant, SessionOf};

/// The caller as the principals of policies mean them. `account` is theirs.
pub fn who<'a>(caller: &'a Caller, account: &'a str) -> Who<'a> {
    let session = caller.session.as_ref().map(|session| &session.grant.of);
    match (&caller.principal, session) {
        (Principal::Service(name), _) => Who::Service { name },
        (Principal::Anonymous, _) => Who::Anonymous,
        (_, Some(SessionOf::Role { arn, unique_id, role_arn })) => {
            let role_id = unique_id.split(':').next().unwrap_or_default();
            Who::RoleSession { account, role_arn, role_id, session_arn: arn }
        }
        (_, Some(SessionOf::Federated { arn, parent, .. })) => {
            let parent = parent.as_ref().map(|parent| Parent { arn: &parent.arn, id: &parent.unique_id });
            Who::FederatedUser { account, session_arn: arn, parent }
        }
        (Principal::Root, _) => Who::Root { account },
        (Principal::Identity { arn, unique_id }, _) => Who::User { account, arn, id: unique_id },
    }
}

/// The values of a condition key about who calls.
pub(crate) fn find<'a>(
    caller: &'a Caller,
    granted: &'a Granted,
    now: Millis,
    key: &str,
) -> Option<Values<'a>> {
    let known = |name: &str| key.eq_ignore_ascii_case(name);
    let grant = caller.session.as_ref().map(|session| &session.grant);
    if let Some(name) = access::after(key, "aws:PrincipalTag/") {
        let of_session = grant.and_then(|grant| access::tag(&grant.tags, name));
        return of_session.or_else(|| access::tag(granted.tags(), name));
    }
    let is_anonymous = caller.principal == Principal::Anonymous;
    let way = || caller.way.as_deref();
    let text = match () {
        () if known("aws:SourceVpce") => way()?.endpoint.clone(),
        () if known("aws:SourceVpc") => way()?.network.clone(),
        () if known("aws:VpcSourceIp") => way().and(caller.source_ip)?.to_string(),
        () if known("aws:username") => granted.user_name()?.to_owned(),
        () if known("aws:PrincipalAccount") && !is_anonymous => caller.account.to_string(),
        () if known("aws:PrincipalArn") && !is_anonymous => match grant.map(|grant| &grant.of) {
            Some(SessionOf::Role { role_arn, .. }) => role_arn.clone(),
            _ => caller.arn(),
        },
        () if known("aws:PrincipalType") => kind(caller)?.to_owned(),
        () if known("aws:userid") => match &caller.principal {
            Principal::Root => caller.account.to_string(),
            Principal::Identity { unique_id, .. } => unique_id.to_string(),
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Service(_) => return None,
        },
        () => return grant.and_then(|grant| of_session(grant, now, key)),
    };
    Some(Values::from(text))
}

/// The values of a provider's claim: as many as it is told with.
pub(crate) fn claim<'a>(claims: &'a [(String, String)], key: &str) -> Option<Values<'a>> {
    let mut told = claims.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    let first = told.next()?;
    let rest: Vec<String> = told.cloned().collect();
    if rest.is_empty() {
        return Some(Values::from(first.as_str()));
    }
    Some(Values::Many([vec![first.clone()], rest].concat().into()))
}

fn kind(caller: &Caller) -> Option<&'static str> {
    Some(match (&caller.principal, caller.session.as_ref().map(|session| &session.grant.of)) {
        (Principal::Service(_), _) => return None,
        (Principal::Anonymous, _) => "Anonymous",
        (_, Some(SessionOf::Role { .. })) => "AssumedRole",
        (_, Some(SessionOf::Federated { .. })) => "FederatedUser",
        (Principal::Root, _) => "Account",
        (Principal::Identity { .. }, _) => "User",
    })
}

/// Keys that only temporary credentials bear.
fn of_session<'a>(grant: &'a SessionGrant, now: Millis, key: &str) -> Option<Values<'a>> {
    let known = |name: &str| key.eq_ignore_ascii_case(name);
    let text = match () {
        // The engine reads seconds since 1970 where it compares dates.
        () if known("aws:TokenIssueTime") => (grant.issued_at / 1_000).to_string(),
        () if known("aws:MultiFactorAuthPresent") => grant.mfa_at.is_some().to_string(),
        () if known("aws:MultiFactorAuthAge") => ((now - grant.mfa_at?) / 1_000).to_string(),
        () if known("aws:SourceIdentity") => grant.source_identity.clone()?,
        () if known("aws:FederatedProvider") => grant.provider.clone()?,
        () => return claim(&grant.claims, key),
    };
    Some(Values::from(text))
}
