//! Access keys. Their secrets are sealed: signatures are checked with them, so a hash would not do.

use kernel::{AccountId, Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// By id.
static KEYS: Table<AccessKey> = Table::new("iam/access-key");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub user: String,
    pub is_active: bool,
    pub created_at: Millis,
    /// See [`super::seal`].
    pub sealed_secret: String,
}

const PREFIX: &str = "AKIA";
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters after the prefix; five bits each.
const LETTERS: u32 = 16;
/// The account's number stands above these bits, of 80.
const ACCOUNT_SHIFT: u32 = 39;
const ACCOUNT_MASK: u128 = (1 << 40) - 1;

/// An id that says which account it is of, as AWS's do since 2019: the first bit is set, forty bits are the account.
pub fn new_id(ctx: &Ctx) -> String {
    let random: u128 =
        u128::from_str_radix(&ctx.ids().hex(10), 16).unwrap_or_default() & ((1 << ACCOUNT_SHIFT) - 1);
    let account: u128 = ctx.account().to_string().parse().unwrap_or_default();
    let bits = (1 << 79) | (account << ACCOUNT_SHIFT) | random;
    let letter = |at: u32| {
        let index = usize::try_from((bits >> (5 * (LETTERS - 1 - at))) & 31).unwrap_or_default();
        ALPHABET.get(index).map_or('A', |b| char::from(*b))
    };
    PREFIX.chars().chain((0..LETTERS).map(letter)).collect()
}

/// The account an access key id is of; `None` when it is none of ours.
pub fn account_of(id: &str) -> Option<AccountId> {
    let letters = id.strip_prefix(PREFIX).filter(|rest| rest.len() == LETTERS as usize)?;
    let bits = letters.bytes().try_fold(0u128, |bits, letter| {
        let value = ALPHABET.iter().position(|b| *b == letter)?;
        Some((bits << 5) | u128::try_from(value).ok()?)
    })?;
    format!("{:012}", (bits >> ACCOUNT_SHIFT) & ACCOUNT_MASK).parse().ok()
}

pub fn find(from: &mut impl Reader, home: &Scope, id: &str) -> Result<Option<AccessKey>> {
    KEYS.get(from, home, id)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, key: &AccessKey) -> Result<()> {
    KEYS.put(tx, home, key.id.as_str(), key)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, id: &str) -> Result<()> {
    KEYS.delete(tx, home, id)
}

pub fn rename_user(tx: &mut Tx<'_, '_>, home: &Scope, user: &Identity, name: &str) -> Result<()> {
    for id in &user.access_keys {
        if let Some(key) = find(tx, home, id)? {
            put(tx, home, &AccessKey { user: name.to_owned(), ..key })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_aws_says_its_account() {
        // Published with the description of the encoding.
        assert_eq!(account_of("AKIAQYLPMN5HHHFPZAM2").unwrap().to_string(), "052310077262");
        for bad in ["", "AKIA", "AKIA0000000000000000", "ASIAQYLPMN5HNM4OZ56B", "AKIAQYLPMN5HNM4OZ56BB"] {
            assert_eq!(account_of(bad), None, "{bad}");
        }
    }
}
