//! A provider's token (a JWT of OpenID Connect): read, verified with the provider's keys, and what follows from it.
//!
//! Source: RFC 7519; OpenID Connect Core 1.0, 3.1.3.7; STS API reference, AssumeRoleWithWebIdentity; IAM user guide,
//! "Available keys for AWS OIDC federation" and "Pass session tags using AssumeRoleWithWebIdentity".

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::{Millis, Result};
use serde::Deserialize;

use crate::errors;

/// What AWS takes; none has a shared secret.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384];
/// How far the clocks may differ, in seconds.
const LEEWAY_S: i64 = 300;
const SUBJECT_CHARS_MAX: usize = 255;

/// One or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    Many(Vec<String>),
}

impl Several {
    fn iter(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

/// What a token says of tags for the session.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SessionTags {
    #[serde(default)]
    principal_tags: BTreeMap<String, Several>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
}

/// The claims that matter here.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    pub iss: Option<String>,
    pub sub: Option<String>,
    aud: Option<Several>,
    azp: Option<String>,
    exp: Option<i64>,
    iat: Option<i64>,
    nbf: Option<i64>,
    #[serde(rename = "https://aws.amazon.com/tags")]
    tags: Option<SessionTags>,
    #[serde(rename = "https://aws.amazon.com/source_identity")]
    pub source_identity: Option<String>,
}

/// A token as it came: nothing of it is believed yet.
#[derive(Debug)]
pub struct Unverified {
    pub issuer: String,
    /// Which of the provider's keys signed it.
    pub key_id: Option<String>,
    algorithm: Algorithm,
}

/// # Errors
/// When it is no token of a kind that can be verified.
pub fn read(token: &str) -> Result<Unverified> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| errors::not_a_jwt())?;
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| errors::not_a_jwt())?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(errors::wrong_signature());
    }
    let issuer = claims.iss.ok_or_else(|| errors::missing_claim("iss"))?;
    Ok(Unverified { issuer, key_id: header.kid, algorithm: header.alg })
}

/// The keys of a set that may have signed a token: the one it names, or all where it names none.
pub fn candidates<'k>(token: &Unverified, keys: &'k JwkSet) -> Vec<&'k Jwk> {
    let named = |key: &&Jwk| match &token.key_id {
        Some(id) => key.common.key_id.as_ref() == Some(id),
        None => true,
    };
    keys.keys.iter().filter(named).collect()
}

/// The claims of a token that one of `keys` signed. Its times are for [`Claims::check`].
///
/// # Errors
/// When none of them did.
pub fn verify(text: &str, token: &Unverified, keys: &[&Jwk]) -> Result<Claims> {
    let mut validation = Validation::new(token.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    for key in keys {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        if let Ok(read) = jsonwebtoken::decode::<Claims>(text, &key, &validation) {
            return Ok(read.claims);
        }
    }
    Err(errors::wrong_signature())
}

impl Claims {
    /// Gives the subject.
    ///
    /// # Errors
    /// When its time is over or has not come, or it is for none of `clients`.
    pub fn check(&self, clients: &[String], now: Millis) -> Result<String> {
        let seconds = now / 1_000;
        let end = self.exp.ok_or_else(|| errors::missing_claim("exp"))?;
        let start = self.iat.ok_or_else(|| errors::missing_claim("iat"))?.max(self.nbf.unwrap_or(i64::MIN));
        if end <= seconds {
            return Err(errors::token_expired(now, end));
        }
        if start > seconds.saturating_add(LEEWAY_S) {
            return Err(errors::token_not_yet(now, start));
        }
        let audience = self.aud.as_ref().ok_or_else(|| errors::missing_claim("aud"))?;
        if !audience.iter().chain(&self.azp).any(|audience| clients.contains(audience)) {
            return Err(errors::wrong_audience());
        }
        let subject = self.sub.clone().ok_or_else(|| errors::missing_claim("sub"))?;
        if subject.is_empty() || subject.chars().count() > SUBJECT_CHARS_MAX {
            return Err(errors::bad_claim("sub"));
        }
        Ok(subject)
    }

    /// Whom it is for, as policies see it: who asked for it where that is named.
    pub fn audience(&self) -> Option<String> {
        self.azp.clone().or_else(|| self.original_audience())
    }

    fn original_audience(&self) -> Option<String> {
        self.aud.as_ref().and_then(|audience| audience.iter().next()).cloned()
    }

    /// Condition keys, by the provider's name: its URL without the scheme.
    pub fn conditions(&self, provider: &str) -> Vec<(String, String)> {
        let all = [
            ("aud", self.audience()),
            ("oaud", self.azp.as_ref().and_then(|_| self.original_audience())),
            ("sub", self.sub.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((format!("{provider}:{name}"), value?))).collect()
    }

    /// The session's tags, and the keys of those it hands on.
    ///
    /// # Errors
    /// When a tag has several values.
    pub fn session_tags(&self) -> Result<(Vec<api_sts::Tag>, Vec<String>)> {
        let Some(told) = &self.tags else { return Ok((Vec::new(), Vec::new())) };
        let one = |(key, values): (&String, &Several)| {
            let mut values = values.iter();
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(api_sts::Tag { key: key.clone(), value: value.clone() }),
                _ => Err(errors::bad_claim("https://aws.amazon.com/tags")),
            }
        };
        let tags = told.principal_tags.iter().map(one).collect::<Result<_>>()?;
        Ok((tags, told.transitive_tag_keys.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(more: &serde_json::Value) -> Claims {
        let mut all = json!({"iss": "https://p", "sub": "me", "aud": "app", "exp": 2_000, "iat": 1_000});
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn times_and_audience_decide() {
        let clients = ["app".to_owned()];
        let check = |more, now: Millis| {
            claims(&more).check(&clients, now * 1_000).map_err(|e| e.message().to_owned())
        };
        assert_eq!(check(json!({}), 1_500).unwrap(), "me");
        assert_eq!(check(json!({"aud": ["x", "app"]}), 1_500).unwrap(), "me");
        assert_eq!(check(json!({"aud": "x", "azp": "app"}), 1_500).unwrap(), "me");
        assert!(check(json!({}), 2_000).unwrap_err().contains("must be before the expiration"));
        assert!(check(json!({"nbf": 1_900}), 1_500).unwrap_err().contains("not valid yet"));
        assert_eq!(check(json!({"aud": "x"}), 1_500).unwrap_err(), "Incorrect token audience");
        for claim in ["exp", "iat", "sub", "aud"] {
            let refused = check(json!({claim: null}), 1_500).unwrap_err();
            assert_eq!(refused, format!("Missing a required claim: {claim}"));
        }
    }

    #[test]
    fn policies_see_who_asked_for_it() {
        let plain = claims(&json!({})).conditions("p");
        assert_eq!(plain, [("p:aud".into(), "app".into()), ("p:sub".into(), "me".into())]);
        let asked = claims(&json!({"azp": "front"})).conditions("p");
        assert_eq!(asked[..2], [("p:aud".into(), "front".into()), ("p:oaud".into(), "app".into())]);
    }

    #[test]
    fn tags_have_one_value_each() {
        let told = |tags| {
            claims(
                &json!({"https://aws.amazon.com/tags": {"principal_tags": tags, "transitive_tag_keys": ["a"]}}),
            )
        };
        let (tags, transitive) = told(json!({"a": ["1"], "b": "2"})).session_tags().unwrap();
        assert_eq!((tags.len(), transitive), (2, vec!["a".to_owned()]));
        assert!(told(json!({"a": ["1", "2"]})).session_tags().is_err());
    }

    #[test]
    fn tokens_without_a_key_pair_are_none() {
        for bad in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(read(bad).is_err(), "{bad}");
        }
        // {"alg":"HS256"} {"iss":"https://p"}
        let shared = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL3AifQ.AAAA";
        assert!(read(shared).unwrap_err().message().contains("could not be verified"));
    }
}
