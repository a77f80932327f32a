//! Whether a volume or a snapshot is encrypted, and under which key (EBS user guide, "How Amazon EBS encryption works").

use kernel::Result;

use crate::errors;
use crate::state::encryption::{Defaults, Seal};

/// The key KMS has for volumes that name none; made when the first of them is.
pub const OWN_KEY: &str = "alias/aws/ebs";

/// What a request says of encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub encrypted: Option<bool>,
    pub key: Option<String>,
}

impl Wanted {
    pub fn new(encrypted: Option<bool>, key: Option<String>) -> Self {
        Self { encrypted, key: key.filter(|key| !key.is_empty()) }
    }

    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// How something is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Plain,
    /// Under the key of what it is made from.
    Same(Seal),
    /// Under a new key, sealed by this one of KMS.
    Fresh(String),
}

/// What becomes of a wish. `of` is the seal of what it is made from, if that is sealed, and `own` whether that belongs to
/// the same account and region: others' keys are not taken over.
///
/// # Errors
/// `InvalidParameterDependency` for a key without encryption; `InvalidParameterCombination` for plain copies of what is
/// encrypted, which AWS never makes.
pub fn decide(wanted: &Wanted, defaults: &Defaults, of: Option<&Seal>, own: bool) -> Result<Outcome> {
    let encrypts = wanted.encrypted == Some(true) || defaults.encrypts || of.is_some();
    match (&wanted.key, of) {
        (Some(_), _) if !encrypts || wanted.encrypted == Some(false) => Err(errors::key_without_encryption()),
        (None, Some(_)) if wanted.encrypted == Some(false) => Err(errors::cannot_be_plain()),
        (Some(key), Some(seal)) if own && is_named(key, &seal.key) => Ok(Outcome::Same(seal.clone())),
        (Some(key), _) => Ok(Outcome::Fresh(key.clone())),
        (None, Some(seal)) if own => Ok(Outcome::Same(seal.clone())),
        (None, _) if encrypts => {
            Ok(Outcome::Fresh(defaults.key.clone().unwrap_or_else(|| OWN_KEY.to_owned())))
        }
        (None, _) => Ok(Outcome::Plain),
    }
}

/// Whether a text is the key's ARN or its id. An alias may be another key's tomorrow.
fn is_named(text: &str, arn: &str) -> bool {
    text == arn || arn.rsplit('/').next() == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234";

    fn seal() -> Seal {
        Seal { key: KEY.to_owned(), managed: false, wrapped: String::new(), of: "vol-1".to_owned() }
    }

    #[test]
    fn encryption_is_inherited_defaulted_and_asked_for() {
        let on = Defaults { encrypts: true, key: Some("other".to_owned()) };
        let off = Defaults::default();
        let fresh = |key: &str| Ok(Outcome::Fresh(key.to_owned()));
        let sealed = seal();
        for (encrypted, key, defaults, of, own, outcome) in [
            (None, None, &off, None, true, Ok(Outcome::Plain)),
            (Some(false), None, &off, None, true, Ok(Outcome::Plain)),
            (Some(true), None, &off, None, true, fresh(OWN_KEY)),
            (Some(true), Some("k"), &off, None, true, fresh("k")),
            (None, Some("k"), &off, None, true, Err("InvalidParameterDependency")),
            (Some(false), Some("k"), &on, None, true, Err("InvalidParameterDependency")),
            (None, None, &on, None, true, fresh("other")),
            (Some(false), None, &on, None, true, fresh("other")),
            (None, Some("k"), &on, None, true, fresh("k")),
            (None, None, &off, Some(&sealed), true, Ok(Outcome::Same(seal()))),
            (None, None, &on, Some(&sealed), true, Ok(Outcome::Same(seal()))),
            (None, None, &off, Some(&sealed), false, fresh(OWN_KEY)),
            (Some(true), Some("1234"), &off, Some(&sealed), true, Ok(Outcome::Same(seal()))),
            (Some(true), Some(KEY), &off, Some(&sealed), false, fresh(KEY)),
            (Some(true), Some("k"), &off, Some(&sealed), true, fresh("k")),
            (Some(false), None, &off, Some(&sealed), true, Err("InvalidParameterCombination")),
        ] {
            let wanted = Wanted::new(encrypted, key.map(str::to_owned));
            let decided = decide(&wanted, defaults, of, own);
            assert_eq!(
                decided.map_err(|error| error.code().to_owned()),
                outcome.map_err(str::to_owned),
                "{wanted:?}"
            );
        }
    }
}
