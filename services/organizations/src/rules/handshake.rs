//! Invitations: whom they are for, and how they go on.
//!
//! Source: Organizations API reference, InviteAccountToOrganization and Handshake; user guide, "Quotas".

use api_organizations::HandshakeParty;
use kernel::{AccountId, Millis, Result};

use crate::errors;
use crate::state::handshake::{Handshake, State};

const DAY_MS: Millis = 86_400_000;
/// How long an invitation can be accepted.
pub const LASTS_MS: Millis = 15 * DAY_MS;
/// How long one is shown when it is over.
pub const SHOWN_MS: Millis = 30 * DAY_MS;
const A_DAY_MAX: usize = 20;
/// What the addresses of accounts that were not made by an organization end in.
const OWNERS: &str = ".invalid";

/// The address of an account that no organization made.
pub fn email_of(account: AccountId) -> String {
    format!("owner@{account}{OWNERS}")
}

/// The account that is invited, and the address if it was named by one.
///
/// # Errors
/// When it is neither a number nor the address of an account.
pub fn check_target(target: &HandshakeParty) -> Result<(AccountId, Option<String>)> {
    let wrong = |reason, message| Err(errors::invalid(reason, message));
    match target.r#type.as_str() {
        "ACCOUNT" => match target.id.parse() {
            Ok(account) => Ok((account, None)),
            Err(_) => wrong("INVALID_PARTY_TYPE_TARGET", "The target is no account's number."),
        },
        "EMAIL" => {
            let number = target.id.strip_prefix("owner@").and_then(|rest| rest.strip_suffix(OWNERS));
            match number.and_then(|number| number.parse().ok()) {
                Some(account) => Ok((account, Some(target.id.clone()))),
                None => wrong("INVALID_EMAIL_ADDRESS_TARGET", "The address is that of no account here."),
            }
        }
        _ => wrong("INVALID_PARTY_TYPE_TARGET", "Only accounts can be invited."),
    }
}

/// Refuses another to the same account, and too many.
pub fn check_sent(sent: &[Handshake], target: AccountId, now: Millis) -> Result<()> {
    if sent.iter().any(|one| one.target == target && one.state(now) == State::Open) {
        return Err(errors::duplicate_handshake());
    }
    if sent.iter().filter(|one| one.requested_at > now - DAY_MS).count() >= A_DAY_MAX {
        return Err(errors::handshake_constraint("HANDSHAKE_RATE_LIMIT_EXCEEDED"));
    }
    Ok(())
}

/// Only open ones go on.
///
/// # Errors
/// When it is over, already `wanted` or otherwise.
pub fn check_open(handshake: &Handshake, wanted: State, now: Millis) -> Result<()> {
    match handshake.state(now) {
        State::Open => Ok(()),
        state if state == wanted => Err(errors::handshake_already(state.word())),
        state => Err(errors::handshake_over(state.word())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(kind: &str, id: &str) -> HandshakeParty {
        HandshakeParty { id: id.into(), r#type: kind.into() }
    }

    fn sent(target: &str, requested_at: Millis, state: State) -> Handshake {
        Handshake {
            id: "h-1".into(),
            organization: "o-1".into(),
            management: "111111111111".parse().unwrap(),
            management_name: String::new(),
            management_email: String::new(),
            all_features: true,
            target: target.parse().unwrap(),
            target_email: None,
            notes: None,
            tags: Vec::new(),
            state,
            requested_at,
            expires_at: requested_at + LASTS_MS,
            ended_at: None,
        }
    }

    #[test]
    fn accounts_are_invited_by_number_or_address() {
        let account: AccountId = "222222222222".parse().unwrap();
        assert_eq!(check_target(&party("ACCOUNT", "222222222222")).unwrap(), (account, None));
        let email = email_of(account);
        assert_eq!(check_target(&party("EMAIL", &email)).unwrap(), (account, Some(email)));
        for (kind, id) in [("ACCOUNT", "me"), ("EMAIL", "kim@example.com"), ("ORGANIZATION", "o-1")] {
            assert!(check_target(&party(kind, id)).is_err(), "{kind} {id}");
        }
    }

    #[test]
    fn one_open_invitation_for_an_account_and_twenty_a_day() {
        let other: AccountId = "333333333333".parse().unwrap();
        let open = sent("222222222222", 0, State::Open);
        assert!(check_sent(std::slice::from_ref(&open), open.target, 1).is_err());
        check_sent(std::slice::from_ref(&open), other, 1).unwrap();
        check_sent(std::slice::from_ref(&open), open.target, LASTS_MS).unwrap();
        let many = vec![sent("222222222222", 1, State::Declined); A_DAY_MAX];
        assert!(check_sent(&many, other, DAY_MS).is_err());
        check_sent(&many, other, DAY_MS + 1).unwrap();
    }

    #[test]
    fn what_is_over_stays_so() {
        let code = |state, wanted, now| {
            check_open(&sent("222222222222", 0, state), wanted, now).err().map(|error| error.code())
        };
        assert_eq!(code(State::Open, State::Accepted, LASTS_MS - 1), None);
        assert_eq!(code(State::Open, State::Accepted, LASTS_MS), Some("InvalidHandshakeTransitionException"));
        assert_eq!(code(State::Declined, State::Declined, 0), Some("HandshakeAlreadyInStateException"));
        assert_eq!(code(State::Canceled, State::Accepted, 0), Some("InvalidHandshakeTransitionException"));
    }
}
