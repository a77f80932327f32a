//! Invitations: one record under the management account that sent it, and a pointer under the account that is invited.

use kernel::{AccountId, Millis, Reader, Result, Table, Tx};
use serde::{Deserialize, Serialize};

use super::organization::home_of;
use crate::errors;

/// By id, under the management account.
static HANDSHAKES: Table<Handshake> = Table::new("organizations/handshake");
/// The management account, by id, under the account that is invited.
static INVITATIONS: Table<AccountId> = Table::new("organizations/invitation");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Open,
    Accepted,
    Declined,
    Canceled,
    /// Never stored: an open one, when its time is over.
    Expired,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    pub id: String,
    /// `o-…`
    pub organization: String,
    pub management: AccountId,
    pub management_name: String,
    pub management_email: String,
    pub all_features: bool,
    pub target: AccountId,
    /// As it was named: an address, or the account's number.
    pub target_email: Option<String>,
    pub notes: Option<String>,
    /// What the account will be tagged with.
    pub tags: Vec<(String, String)>,
    pub state: State,
    pub requested_at: Millis,
    pub expires_at: Millis,
    /// When it was accepted, declined or canceled.
    pub ended_at: Option<Millis>,
}

impl Handshake {
    pub fn state(&self, now: Millis) -> State {
        if self.state == State::Open && self.expires_at <= now { State::Expired } else { self.state }
    }

    /// When nothing has been going on about it any more.
    pub fn over_at(&self, now: Millis) -> Option<Millis> {
        match self.state(now) {
            State::Open => None,
            State::Expired => Some(self.expires_at),
            State::Accepted | State::Declined | State::Canceled => self.ended_at,
        }
    }
}

pub fn put(tx: &mut Tx<'_, '_>, handshake: &Handshake) -> Result<()> {
    INVITATIONS.put(tx, &home_of(handshake.target), handshake.id.as_str(), &handshake.management)?;
    HANDSHAKES.put(tx, &home_of(handshake.management), handshake.id.as_str(), handshake)
}

pub fn delete(tx: &mut Tx<'_, '_>, handshake: &Handshake) -> Result<()> {
    INVITATIONS.delete(tx, &home_of(handshake.target), handshake.id.as_str())?;
    HANDSHAKES.delete(tx, &home_of(handshake.management), handshake.id.as_str())
}

/// One that `account` sent, or was sent.
///
/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, account: AccountId, id: &str) -> Result<Handshake> {
    let management = INVITATIONS.get(from, &home_of(account), id)?.unwrap_or(account);
    HANDSHAKES.get(from, &home_of(management), id)?.ok_or_else(errors::no_such_handshake)
}

/// Those that `account` sent, by id.
pub fn sent(from: &mut impl Reader, account: AccountId) -> Result<Vec<Handshake>> {
    let rows = HANDSHAKES.list(from, &home_of(account), (), None, LISTED_MAX)?;
    Ok(rows.into_iter().map(|(_, handshake)| handshake).collect())
}

/// Those that `account` was sent, by id.
pub fn received(from: &mut impl Reader, account: AccountId) -> Result<Vec<Handshake>> {
    let home = home_of(account);
    let rows = INVITATIONS.list(from, &home, (), None, LISTED_MAX)?;
    let mut found = Vec::new();
    for (key, management) in rows {
        let id = kernel::key::KeyReader(&key).text().unwrap_or_default();
        found.extend(HANDSHAKES.get(from, &home_of(management), id.as_str())?);
    }
    Ok(found)
}

/// More than an organization may have sent in the days they are kept.
const LISTED_MAX: usize = 2_000;
