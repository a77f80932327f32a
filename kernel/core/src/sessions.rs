//! Sessions: credentials for a while, whose token holds all that is known of them.
//!
//! A token is the session's grant, packed (deflate) and sealed (AES-256-GCM) under a key derived from the secret of the
//! store and the access key's id, so that a token opens for its own access key only. The secret key is derived from the
//! token. Nothing is stored: a token holds until its end, for as long as whose it is exists.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use policy::{Document, Policy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::access_key::{self, TEMPORARY};
use crate::arn::AccountId;
use crate::caller::Principal;
use crate::clock::Millis;
use crate::error::Error;
use crate::ids::Ids;
use crate::seal::{KeySealer, Sealer};

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionOf {
    /// The account itself, which asked for a session of its own.
    Root,
    /// A user, likewise.
    User { arn: String, unique_id: String },
    /// Who took on a role. `arn` is the session's (`arn:aws:sts::…:assumed-role/name/session`), `unique_id` the role's
    /// id, a colon, and the session's name.
    Role { arn: String, unique_id: String, role_arn: String },
    /// Somebody a user, or (without a parent) the account itself, vouches for.
    Federated { arn: String, unique_id: String, parent: Option<Parent> },
}

/// The user who made a federated session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub arn: String,
    pub unique_id: String,
}

/// All that is known of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGrant {
    pub account: AccountId,
    pub of: SessionOf,
    /// A policy that narrows what the session may do.
    pub policy: Option<String>,
    /// Managed policies that do so together with it.
    pub policy_arns: Vec<String>,
    /// `aws:PrincipalTag/…`, before the tags of the identity.
    pub tags: Vec<(String, String)>,
    /// Keys of those tags that sessions made by this one inherit.
    pub transitive: Vec<String>,
    pub source_identity: Option<String>,
    /// When a code of an MFA device was given for this session.
    pub mfa_at: Option<Millis>,
    /// Who vouched for its holder: `aws:FederatedProvider`.
    pub provider: Option<String>,
    /// Condition keys it bears from then on: the claims of a provider's token.
    pub claims: Vec<(String, String)>,
    pub issued_at: Millis,
    pub expires_at: Millis,
}

impl SessionGrant {
    /// A plain session: nothing narrows it.
    pub fn new(account: AccountId, of: SessionOf, issued_at: Millis, expires_at: Millis) -> Self {
        Self {
            account,
            of,
            policy: None,
            policy_arns: Vec::new(),
            tags: Vec::new(),
            transitive: Vec::new(),
            source_identity: None,
            mfa_at: None,
            provider: None,
            claims: Vec::new(),
            issued_at,
            expires_at,
        }
    }

    /// Who acts in it.
    pub fn principal(&self) -> Principal {
        match &self.of {
            SessionOf::Root => Principal::Root,
            SessionOf::User { arn, unique_id }
            | SessionOf::Role { arn, unique_id, .. }
            | SessionOf::Federated { arn, unique_id, .. } => {
                Principal::Identity { arn: Arc::from(&**arn), unique_id: Arc::from(&**unique_id) }
            }
        }
    }

    /// Whether policies were passed, which must allow whatever the session does.
    pub fn is_narrowed(&self) -> bool {
        self.policy.is_some() || !self.policy_arns.is_empty()
    }

    /// How much of what policies and tags may take they do take, packed, in percent; more than a hundred is too much.
    /// `None` when there are none.
    pub fn packed_percent(&self) -> Option<i32> {
        if !self.is_narrowed() && self.tags.is_empty() {
            return None;
        }
        let parts = (&self.policy, &self.policy_arns, &self.tags, &self.transitive);
        let plain = serde_json::to_string(&parts).map_or(usize::MAX, |text| text.len());
        let percent = |bytes: usize, most: usize| bytes.saturating_mul(100).div_ceil(most);
        let most = percent(pack(&parts).len(), PACKED_BYTES_MAX).max(percent(plain, PLAIN_BYTES_MAX));
        Some(i32::try_from(most).unwrap_or(i32::MAX))
    }
}

/// What policies and tags of a session may take, packed. AWS's own bound is not published.
const PACKED_BYTES_MAX: usize = 3_072;
/// A longer token is not looked at.
const TOKEN_BYTES_MAX: usize = 8_192;
/// What a token may unpack to.
const TEXT_BYTES_MAX: u64 = 65_536;
/// How much of that policies and tags may take.
const PLAIN_BYTES_MAX: usize = 49_152;
/// The form of tokens.
const VERSION: u8 = 1;
const SECRET_BYTES: usize = 30;

/// A session in force, made ready to decide with.
#[derive(Debug)]
pub struct Session {
    pub grant: SessionGrant,
    pub principal: Principal,
    /// [`SessionGrant::policy`], compiled.
    pub policy: Option<Arc<Policy>>,
}

impl Session {
    /// `None` when its policy cannot be read.
    pub fn new(grant: SessionGrant) -> Option<Self> {
        let compiled = grant.policy.as_deref().map(|text| {
            let document = Document::parse(policy::Kind::Session, text, &[]).ok()?;
            Some(Arc::new(Policy::compile("session", &document)))
        });
        let policy = match compiled {
            Some(compiled) => Some(compiled?),
            None => None,
        };
        Some(Self { principal: grant.principal(), grant, policy })
    }
}

/// Credentials as their holder is given them.
#[derive(Clone)]
pub struct Issued {
    pub access_key_id: String,
    pub secret: String,
    pub session_token: String,
    pub expires_at: Millis,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Issued").field(&self.access_key_id).field(&self.expires_at).finish()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the session's token would be too long")]
struct TooLong;

/// Makes tokens and reads them.
pub struct SessionSeal {
    keys: hmac::Key,
    secrets: hmac::Key,
}

impl SessionSeal {
    pub fn new(secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |what: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, what).as_ref());
        Self { keys: derived(b"session keys"), secrets: derived(b"session secrets") }
    }

    /// # Errors
    /// When the grant is larger than its parts may be.
    pub fn issue(&self, ids: Ids<'_>, grant: &SessionGrant) -> Result<Issued, Error> {
        let access_key_id = access_key::new_id(ids, TEMPORARY, grant.account);
        let sealed = self.sealer(&access_key_id).and_then(|seal| Ok(seal.seal(&[VERSION], &pack(grant))?))?;
        let session_token = STANDARD.encode([&[VERSION], sealed.as_slice()].concat());
        if session_token.len() > TOKEN_BYTES_MAX {
            return Err(Error::internal(TooLong));
        }
        let secret = self.secret(&session_token);
        Ok(Issued { access_key_id, secret, session_token, expires_at: grant.expires_at })
    }

    /// The grant in a token; `None` when it was not issued with this access key, here.
    pub fn open(&self, access_key_id: &str, token: &str) -> Option<SessionGrant> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (version, sealed) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let packed = self.sealer(access_key_id).ok()?.open(&[VERSION], sealed).ok()?;
        unpack(&packed)
    }

    /// The secret key that belongs to a token.
    pub fn secret(&self, token: &str) -> String {
        let tag = hmac::sign(&self.secrets, token.as_bytes());
        STANDARD.encode(tag.as_ref().get(..SECRET_BYTES).unwrap_or_default())
    }

    fn sealer(&self, access_key_id: &str) -> Result<KeySealer, Error> {
        Ok(KeySealer::new(hmac::sign(&self.keys, access_key_id.as_bytes()).as_ref())?)
    }
}

/// Deflated JSON.
pub(crate) fn pack(value: &impl Serialize) -> Vec<u8> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    let text = serde_json::to_vec(value).expect("a grant has a text");
    packer.write_all(&text).and_then(|()| packer.finish()).expect("memory takes what is written")
}

/// What [`pack`] packed; `None` when it is something else.
pub(crate) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    serde_json::from_reader(DeflateDecoder::new(packed).take(TEXT_BYTES_MAX)).ok()
}

/// Sessions opened lately, by token: opening one again costs more than deciding a call.
#[derive(Default)]
pub(crate) struct OpenSessions(RwLock<HashMap<String, Arc<OpenSession>>>);

/// A session with the key it is of.
pub(crate) struct OpenSession {
    access_key_id: String,
    pub(crate) secret: Arc<str>,
    pub(crate) session: Arc<Session>,
}

impl OpenSessions {
    const KEPT_MAX: usize = 1_024;

    pub(crate) fn find(
        &self,
        seal: &SessionSeal,
        access_key_id: &str,
        token: &str,
    ) -> Option<Arc<OpenSession>> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return (known.access_key_id == access_key_id).then(|| known.clone());
        }
        let session = Arc::new(Session::new(seal.open(access_key_id, token)?)?);
        let (secret, access_key_id) = (Arc::from(seal.secret(token)), access_key_id.to_owned());
        let opened = Arc::new(OpenSession { access_key_id, secret, session });
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= Self::KEPT_MAX {
            kept.clear();
        }
        kept.insert(token.to_owned(), opened.clone());
        Some(opened)
    }

    pub(crate) fn forget_all(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    fn grant() -> SessionGrant {
        let of = SessionOf::Role {
            arn: "arn:aws:sts::111122223333:assumed-role/r/job".into(),
            unique_id: "AROAEXAMPLE:job".into(),
            role_arn: "arn:aws:iam::111122223333:role/r".to_owned(),
        };
        SessionGrant::new("111122223333".parse().unwrap(), of, 1_000, 2_000)
    }

    #[test]
    fn a_token_opens_with_its_own_key_here_and_unaltered() {
        let seal = SessionSeal::new(b"one");
        let grant = SessionGrant { tags: vec![("a".into(), "ä".into())], ..grant() };
        let issued = seal.issue(Ids(&SystemIds), &grant).unwrap();
        let other = seal.issue(Ids(&SystemIds), &grant).unwrap();
        assert_eq!(seal.open(&issued.access_key_id, &issued.session_token), Some(grant));
        assert_eq!(seal.secret(&issued.session_token), issued.secret);
        assert_ne!(issued.secret, other.secret);
        assert_eq!(seal.open(&other.access_key_id, &issued.session_token), None);
        assert_eq!(SessionSeal::new(b"two").open(&issued.access_key_id, &issued.session_token), None);
        for cut in [0, 1, 4, issued.session_token.len() - 4] {
            assert_eq!(seal.open(&issued.access_key_id, &issued.session_token[..cut]), None);
        }
        let altered = issued.session_token.replace(['A', 'B'], "C");
        assert_eq!(seal.open(&issued.access_key_id, &altered), None);
    }

    #[test]
    fn what_narrows_a_session_is_measured_packed_and_bounded() {
        assert_eq!(grant().packed_percent(), None);
        let small = SessionGrant { policy_arns: vec!["arn:aws:iam::aws:policy/P".into()], ..grant() };
        assert!((1..10).contains(&small.packed_percent().unwrap()));
        let tag = |n: usize| (Ids(&SystemIds).hex(50), format!("{n}{}", Ids(&SystemIds).hex(60)));
        let large = SessionGrant { tags: (0..50).map(tag).collect(), ..grant() };
        assert!(large.packed_percent().unwrap() > 100);
        let full = SessionGrant { tags: (0..38).map(tag).collect(), ..grant() };
        assert!((80..=100).contains(&full.packed_percent().unwrap()), "{:?}", full.packed_percent());
        SessionSeal::new(b"one").issue(Ids(&SystemIds), &full).unwrap();
    }

    #[test]
    fn a_session_with_a_policy_nobody_can_read_is_none() {
        assert!(Session::new(grant()).is_some());
        assert!(Session::new(SessionGrant { policy: Some("{".into()), ..grant() }).is_none());
    }
}
