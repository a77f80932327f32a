//! Access key ids, which say the account they are of in AWS's own encoding.

use crate::arn::AccountId;
use crate::ids::Ids;

/// What ids of lasting keys begin with.
pub const LASTING: &str = "AKIA";
/// What ids of keys that come with a session token begin with.
pub const TEMPORARY: &str = "ASIA";

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters after the prefix; five bits each.
const LETTERS: u32 = 16;
/// The account's number stands above these bits, of 80.
const ACCOUNT_SHIFT: u32 = 39;
const ACCOUNT_MASK: u128 = (1 << 40) - 1;

/// An id that says which account it is of, as AWS's do since 2019: the first bit is set, forty bits are the account.
pub fn new_id(ids: Ids<'_>, prefix: &str, account: AccountId) -> String {
    let random = u128::from_str_radix(&ids.hex(10), 16).unwrap_or_default() & ((1 << ACCOUNT_SHIFT) - 1);
    let account: u128 = account.to_string().parse().unwrap_or_default();
    let bits = (1 << 79) | (account << ACCOUNT_SHIFT) | random;
    let letter = |at: u32| {
        let index = usize::try_from((bits >> (5 * (LETTERS - 1 - at))) & 31).unwrap_or_default();
        ALPHABET.get(index).map_or('A', |b| char::from(*b))
    };
    prefix.chars().chain((0..LETTERS).map(letter)).collect()
}

/// The account an access key id is of; `None` when it is not in the encoding.
pub fn account_of(id: &str) -> Option<AccountId> {
    let rest = id.strip_prefix(LASTING).or_else(|| id.strip_prefix(TEMPORARY))?;
    let letters = Some(rest).filter(|rest| rest.len() == LETTERS as usize)?;
    let bits = letters.bytes().try_fold(0u128, |bits, letter| {
        let value = ALPHABET.iter().position(|b| *b == letter)?;
        Some((bits << 5) | u128::try_from(value).ok()?)
    })?;
    format!("{:012}", (bits >> ACCOUNT_SHIFT) & ACCOUNT_MASK).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    #[test]
    fn an_id_of_aws_says_its_account() {
        // Published with the description of the encoding.
        for id in ["AKIAQYLPMN5HHHFPZAM2", "ASIAQYLPMN5HHHFPZAM2"] {
            assert_eq!(account_of(id).unwrap().to_string(), "052310077262");
        }
        for bad in ["", "AKIA", "AKIA0000000000000000", "AIDAQYLPMN5HNM4OZ56B", "AKIAQYLPMN5HNM4OZ56BB"] {
            assert_eq!(account_of(bad), None, "{bad}");
        }
        let account = "999999999999".parse().unwrap();
        assert_eq!(account_of(&new_id(Ids(&SystemIds), TEMPORARY, account)), Some(account));
    }
}
