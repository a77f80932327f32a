//! How a request names a key: by id, ARN, alias name or alias ARN.

use kernel::{Access, AccountId, Arn, Result, Scope};

use crate::errors;

pub const ALIAS: &str = "alias/";
pub const MULTI_REGION: &str = "mrk-";

/// A key by its id, or an alias by its name, in an account of this region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    Key { account: AccountId, id: String },
    Alias { account: AccountId, name: String },
}

impl Reference {
    /// Reads a reference made by `scope`'s caller.
    ///
    /// # Errors
    /// `NotFoundException` for what cannot be a key's name and for other regions, in AWS's words.
    pub fn parse(scope: &Scope, text: &str) -> Result<Self> {
        if !text.starts_with("arn:") {
            return Self::within(scope.account, text).ok_or_else(|| errors::invalid_key_id(text));
        }
        let arn: Arn = text.parse().map_err(|_| errors::invalid_arn(text))?;
        if arn.service != "kms" {
            return Err(errors::invalid_arn(text));
        }
        if arn.region != scope.region.as_str() {
            return Err(errors::arn_of_other_region(&arn.region));
        }
        let account = arn.account.parse().map_err(|_| errors::invalid_arn(text))?;
        let name = arn.resource.strip_prefix("key/").unwrap_or(&arn.resource);
        let found = if name.len() < arn.resource.len() || name.starts_with(ALIAS) {
            Self::within(account, name)
        } else {
            None
        };
        found.ok_or_else(|| errors::invalid_key_id(name))
    }

    fn within(account: AccountId, text: &str) -> Option<Self> {
        if text.starts_with(ALIAS) {
            return Some(Self::Alias { account, name: text.to_owned() });
        }
        is_key_id(text).then(|| Self::Key { account, id: text.to_owned() })
    }

    pub fn scope(&self, of: &Scope) -> Scope {
        let (Self::Key { account, .. } | Self::Alias { account, .. }) = self;
        Scope { account: *account, ..*of }
    }

    pub fn arn(&self, of: &Scope) -> String {
        match self {
            Self::Key { id, .. } => key_arn(&self.scope(of), id),
            Self::Alias { name, .. } => alias_arn(&self.scope(of), name),
        }
    }
}

/// A UUID, or `mrk-` and 32 hexadecimal digits.
pub fn is_key_id(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix(MULTI_REGION) {
        return digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub fn key_arn(scope: &Scope, id: &str) -> String {
    scope.arn("kms", format_args!("key/{id}"))
}

/// `name` with its `alias/`.
pub fn alias_arn(scope: &Scope, name: &str) -> String {
    scope.arn("kms", name)
}

/// What a call on a key asks for. What cannot be a key is left to the handler to refuse.
pub fn access(scope: &Scope, key: &str) -> Result<Access> {
    Ok(match Reference::parse(scope, key) {
        Ok(reference) => Access::on(reference.arn(scope)),
        Err(_) => Access::any(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12345678-1234-1234-1234-123456789012";

    #[test]
    fn every_form_is_read_and_others_are_refused() {
        let scope = Scope { account: AccountId::DEFAULT, region: "us-east-1".parse().unwrap() };
        let key = Reference::Key { account: AccountId::DEFAULT, id: ID.into() };
        let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{ID}");
        assert_eq!(Reference::parse(&scope, ID).unwrap(), key);
        assert_eq!(Reference::parse(&scope, &arn).unwrap(), key);
        assert_eq!(key.arn(&scope), arn);
        let alias = Reference::parse(&scope, "arn:aws:kms:us-east-1:111111111111:alias/a").unwrap();
        assert_eq!(
            alias,
            Reference::Alias { account: "111111111111".parse().unwrap(), name: "alias/a".into() }
        );
        for (bad, message) in [
            ("fake-key-id", "Invalid keyId 'fake-key-id'"),
            ("mrk-fake-key-id", "Invalid keyId 'mrk-fake-key-id'"),
            ("134f2428cec14b25a1ae9048164dba47", "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"),
            ("arn:aws:kms:eu-west-1:000000000000:key/x", "Invalid arn eu-west-1"),
            ("arn:aws:kms:us-east-1:000000000000:x", "Invalid keyId 'x'"),
        ] {
            assert_eq!(Reference::parse(&scope, bad).unwrap_err().message(), message);
        }
        assert!(is_key_id("mrk-d3b95762d3b95762d3b95762d3b95762"));
    }
}
