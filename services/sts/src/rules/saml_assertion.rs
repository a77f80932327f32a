//! What a SAML assertion says, whether that holds here and now, and what follows for the session.
//!
//! Source: IAM user guide, "Configure SAML assertions for the authentication response" and "Troubleshoot SAML federation";
//! STS API reference, AssumeRoleWithSAML.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Millis, Result};

use super::saml_keys;
use crate::errors;

/// How long after it was made an assertion is taken, and how far the clocks may differ.
const REDEEMED_WITHIN_MS: Millis = 300_000;
const NAMES: &str = "https://aws.amazon.com/SAML/Attributes/";
const FORMATS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
/// Whom assertions for AWS are for, in its partitions.
const AUDIENCES: [&str; 3] =
    ["urn:amazon:webservices", "urn:amazon:webservices:govcloud", "urn:amazon:webservices:cn-north-1"];
/// Where sign-in takes them: these hosts, or a region's name before them.
const SIGN_IN: [&str; 3] = ["signin.aws.amazon.com", "signin.amazonaws-us-gov.com", "signin.amazonaws.cn"];

/// As it was signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assertion {
    pub issuer: String,
    pub subject: String,
    pub subject_format: Option<String>,
    /// Where it was meant to be shown.
    pub recipient: String,
    pub issued_at: Millis,
    pub not_before: Option<Millis>,
    pub until: Millis,
    /// Each restriction must be met, by one of its audiences.
    pub audiences: Vec<Vec<String>>,
    /// When the provider wants the session to end.
    pub session_until: Option<Millis>,
    pub attributes: Vec<(String, Vec<String>)>,
}

impl Assertion {
    /// # Errors
    /// When another provider made it, it is for somebody else, or its time is over or has not come.
    pub fn check(&self, entity_id: &str, now: Millis) -> Result<()> {
        if self.issuer != entity_id {
            return Err(errors::wrong_issuer());
        }
        let is_ours = |audience: &String| AUDIENCES.contains(&audience.as_str()) || is_sign_in(audience);
        let are_ours = self.audiences.iter().all(|restriction| restriction.iter().any(is_ours));
        if self.audiences.is_empty() || !are_ours {
            return Err(errors::wrong_response_audience());
        }
        if !is_sign_in(&self.recipient) {
            return Err(errors::wrong_recipient());
        }
        if self.issued_at.saturating_add(REDEEMED_WITHIN_MS) <= now {
            return Err(errors::response_too_old());
        }
        if self.until <= now || self.session_until.is_some_and(|until| until <= now) {
            return Err(errors::response_expired());
        }
        let begins = self.not_before.unwrap_or(self.issued_at).max(self.issued_at);
        if begins > now.saturating_add(REDEEMED_WITHIN_MS) {
            return Err(errors::response_not_yet());
        }
        if self.subject.is_empty() {
            return Err(errors::no_subject());
        }
        Ok(())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &String> {
        let is_meant = move |found: &&(String, Vec<String>)| found.0.strip_prefix(NAMES) == Some(name);
        self.attributes.iter().filter(is_meant).flat_map(|(_, values)| values)
    }

    /// The value of an attribute that has one.
    fn value(&self, name: &str) -> Result<Option<&String>> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(errors::several_values(name)),
        }
    }

    /// Whether it offers this role by this provider, in whichever order the two are named.
    pub fn offers(&self, role: &str, provider: &str) -> bool {
        self.values("Role").any(|pair| {
            let mut parts = pair.split(',').map(str::trim);
            let named = (parts.next(), parts.next(), parts.next());
            named == (Some(role), Some(provider), None) || named == (Some(provider), Some(role), None)
        })
    }

    /// # Errors
    /// When it is missing or no name for a session.
    pub fn session_name(&self) -> Result<String> {
        let name = self.value("RoleSessionName")?.ok_or_else(errors::session_name_missing)?;
        if is_name(name) { Ok(name.clone()) } else { Err(errors::bad_session_name()) }
    }

    /// # Errors
    /// When it is told and no source identity.
    pub fn source_identity(&self) -> Result<Option<String>> {
        let Some(named) = self.value("SourceIdentity")? else { return Ok(None) };
        let is_fine = is_name(named) && !named.starts_with("aws:");
        if is_fine { Ok(Some(named.clone())) } else { Err(errors::bad_source_identity()) }
    }

    /// The session's tags, and the keys of those it hands on.
    ///
    /// # Errors
    /// When a tag has several values, or is no tag.
    pub fn session_tags(&self) -> Result<(Vec<api_sts::Tag>, Vec<String>)> {
        let mut tags = Vec::new();
        for (name, values) in &self.attributes {
            let Some(key) = name.strip_prefix(NAMES).and_then(|name| name.strip_prefix("PrincipalTag:"))
            else {
                continue;
            };
            let [value] = values.as_slice() else { return Err(errors::several_values(name)) };
            tags.push(api_sts::Tag { key: key.to_owned(), value: value.clone() });
        }
        Ok((tags, self.values("TransitiveTagKeys").cloned().collect()))
    }

    /// How the subject is named: `persistent`, `transient`, or another format in full.
    pub fn subject_type(&self) -> Option<String> {
        let format = self.subject_format.as_deref()?;
        Some(format.strip_prefix(FORMATS).unwrap_or(format).to_owned())
    }

    /// What tells subjects of the same name apart: by who issued it, for which account, by which of its providers.
    pub fn name_qualifier(&self, account: &str, provider: &str) -> String {
        let whole = format!("{}{account}/{provider}", self.issuer);
        STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, whole.as_bytes()))
    }

    /// Condition keys; those with several values come several times. `provider` is its name.
    pub fn conditions(&self, account: &str, provider: &str) -> Vec<(String, String)> {
        let own = [
            ("aud", Some(self.recipient.clone())),
            ("doc", Some(format!("{account}/{provider}"))),
            ("iss", Some(self.issuer.clone())),
            ("namequalifier", Some(self.name_qualifier(account, provider))),
            ("sub", Some(self.subject.clone())),
            ("sub_type", self.subject_type()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((format!("saml:{name}"), value?)));
        own.chain(saml_keys::of(&self.attributes)).collect()
    }
}

/// `https://signin.aws.amazon.com/saml`, with or without a region before and a provider's own path behind.
fn is_sign_in(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let is_region = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_host = SIGN_IN.iter().any(|known| match host.strip_suffix(known) {
        Some("") => true,
        Some(before) => {
            before.strip_suffix('.').is_some_and(|region| !region.is_empty() && is_region(region))
        }
        None => false,
    });
    let is_path = path == "saml" || path.strip_prefix("saml/acs/").is_some_and(|id| !id.is_empty());
    is_host && is_path
}

fn is_name(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (2..=64).contains(&text.len()) && text.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion() -> Assertion {
        Assertion {
            issuer: "https://id".into(),
            subject: "kim".into(),
            subject_format: Some(format!("{FORMATS}persistent")),
            recipient: "https://signin.aws.amazon.com/saml".into(),
            issued_at: 1_000_000,
            until: 1_200_000,
            audiences: vec![vec!["urn:amazon:webservices".into()]],
            ..Assertion::default()
        }
    }

    fn named(name: &str, values: &[&str]) -> Assertion {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Assertion { attributes: vec![(format!("{NAMES}{name}"), values)], ..assertion() }
    }

    #[test]
    fn who_made_it_for_whom_and_when_decides() {
        let check = |change: fn(&mut Assertion), now| {
            let mut one = assertion();
            change(&mut one);
            one.check("https://id", now)
                .map_err(|refused| (refused.query_code(), refused.message().to_owned()))
        };
        assert_eq!(check(|_| (), 1_100_000), Ok(()));
        assert_eq!(
            check(
                |one| one.recipient = "https://eu-west-1.signin.aws.amazon.com/saml/acs/X".into(),
                1_100_000
            ),
            Ok(())
        );
        let refused = |change, now| check(change, now).unwrap_err().0;
        assert_eq!(refused(|one| one.issuer = "x".into(), 1_100_000), "InvalidIdentityToken");
        assert_eq!(refused(|one| one.audiences.clear(), 1_100_000), "InvalidIdentityToken");
        assert_eq!(refused(|one| one.audiences.push(vec!["x".into()]), 1_100_000), "InvalidIdentityToken");
        assert_eq!(refused(|one| one.subject.clear(), 1_100_000), "InvalidIdentityToken");
        assert_eq!(refused(|_| (), 1_200_000), "ExpiredTokenException");
        assert_eq!(refused(|one| one.until = i64::MAX, 1_300_000), "ExpiredTokenException");
        assert_eq!(refused(|one| one.session_until = Some(1_050_000), 1_100_000), "ExpiredTokenException");
        assert_eq!(refused(|one| one.not_before = Some(1_400_001), 1_100_000), "InvalidIdentityToken");
        for url in [
            "http://signin.aws.amazon.com/saml",
            "https://evil.com/signin.aws.amazon.com/saml",
            "https://evilsignin.aws.amazon.com/saml",
            "https://a.b.signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/saml/acs/",
            "https://signin.aws.amazon.com/other",
        ] {
            assert!(!is_sign_in(url), "{url}");
        }
    }

    #[test]
    fn a_role_is_offered_with_its_provider() {
        let (role, provider) = ("arn:aws:iam::1:role/r", "arn:aws:iam::1:saml-provider/p");
        for pair in [format!("{role},{provider}"), format!("{provider} , {role}")] {
            assert!(named("Role", &["x,y", &pair]).offers(role, provider));
        }
        for pair in [role.to_owned(), format!("{role},{provider},{role}"), format!("{role},{provider}x")] {
            assert!(!named("Role", &[&pair]).offers(role, provider), "{pair}");
        }
    }

    #[test]
    fn names_and_tags_are_checked() {
        assert_eq!(named("RoleSessionName", &["kim@x"]).session_name().unwrap(), "kim@x");
        for bad in [&["k"][..], &["kim x"], &["a1", "b2"], &[]] {
            assert!(named("RoleSessionName", bad).session_name().is_err(), "{bad:?}");
        }
        assert!(named("SourceIdentity", &["aws:kim"]).source_identity().is_err());
        let (tags, _) = named("PrincipalTag:team", &["red"]).session_tags().unwrap();
        assert_eq!((tags[0].key.as_str(), tags[0].value.as_str()), ("team", "red"));
        assert!(named("PrincipalTag:team", &["red", "blue"]).session_tags().is_err());
        assert_eq!(named("TransitiveTagKeys", &["a", "b"]).session_tags().unwrap().1, ["a", "b"]);
    }

    #[test]
    fn the_name_qualifier_is_a_digest_as_documented() {
        // STS API reference: BASE64(SHA1("https://example.com/saml" + "123456789012" + "/MySAMLIdP")), digested by OpenSSL.
        let one = Assertion { issuer: "https://example.com/saml".into(), ..assertion() };
        assert_eq!(one.name_qualifier("123456789012", "MySAMLIdP"), "1uAJanUnBc2XeUkHURMht+xam2c=");
        assert_eq!(one.subject_type().as_deref(), Some("persistent"));
        let keys = one.conditions("123456789012", "MySAMLIdP");
        assert!(keys.contains(&("saml:doc".into(), "123456789012/MySAMLIdP".into())));
    }
}
