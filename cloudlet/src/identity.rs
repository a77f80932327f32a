//! Who may come in before IAM has users: the well-known test credential on loopback, and real root keys.
//!
//! A root key is made once, printed once, and kept sealed (AES-256-GCM) beside a sealing key only its owner can read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::ids::{IdSource, Ids, SystemIds};
use kernel::{
    AccountId, BoxFuture, Credential, Credentials, House, NoCredential, Principal, SealError, Sealer,
};
use serde::{Deserialize, Serialize};

use crate::cli::{Outcome, Problem};
use crate::seal_key::SealKey;

/// The secret of the test credential.
const TEST: &str = "test";

/// Root credentials of this cloud.
pub(crate) struct RootCredentials {
    /// `test`/`test`, and twelve-digit key ids with the secret `test`.
    pub(crate) allow_test: bool,
    pub(crate) keys: Vec<RootKey>,
}

/// A root key of the default account.
#[derive(Clone)]
pub(crate) struct RootKey {
    pub(crate) access_key_id: String,
    pub(crate) secret: Arc<str>,
}

/// Everybody's keys: root's, then those that services have issued.
pub(crate) struct AllCredentials {
    pub(crate) root: RootCredentials,
    pub(crate) house: Arc<House>,
}

impl Credentials for AllCredentials {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        session_token: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        Box::pin(async move {
            match self.root.look_up(access_key, session_token) {
                Ok(_) if self.house.is_root_off() && !self.root.is_real(access_key) => {
                    Err(NoCredential::Unknown)
                }
                Err(NoCredential::Unknown) => self.house.find(access_key, session_token).await,
                answer => answer,
            }
        })
    }
}

impl RootCredentials {
    /// A key that was made here, not one that everybody knows.
    fn is_real(&self, access_key: &str) -> bool {
        self.keys.iter().any(|key| key.access_key_id == access_key)
    }

    fn look_up(&self, access_key: &str, session_token: Option<&str>) -> Result<Credential, NoCredential> {
        let root = |account, secret, is_well_known| Credential {
            secret,
            account,
            principal: Principal::Root,
            session: None,
            expires_at: None,
            is_well_known,
        };
        let real = self.keys.iter().find(|key| key.access_key_id == access_key);
        let found = match real {
            Some(key) => Some(root(AccountId::DEFAULT, key.secret.clone(), false)),
            None if self.allow_test => {
                let account =
                    if access_key == TEST { Some(AccountId::DEFAULT) } else { access_key.parse().ok() };
                account.map(|account| root(account, Arc::from(TEST), true))
            }
            None => None,
        };
        match (found, session_token) {
            (None, _) => Err(NoCredential::Unknown),
            // Many tools set a token beside test/test and expect it not to matter.
            (Some(found), Some(_)) if real.is_none() => Ok(found),
            (Some(_), Some(_)) => Err(NoCredential::InvalidToken),
            (Some(found), None) => Ok(found),
        }
    }
}

/// A sealed root key, as it lies on the disk.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access_key_id: String,
    /// Nonce and sealed secret, base64.
    secret: String,
}

/// The folder of identity under a data folder.
struct Folder(PathBuf);

impl Folder {
    fn of(data: &Path) -> Self {
        Self(data.join("identity"))
    }
    fn seal_key(&self) -> SealKey {
        SealKey::within(&self.0)
    }
    fn root_keys(&self) -> PathBuf {
        self.0.join("root-keys.json")
    }
}

/// The root keys of a data folder; none when none were made.
pub(crate) fn load(data: &Path) -> Outcome<Vec<RootKey>> {
    let folder = Folder::of(data);
    let Some(sealed) = read(&folder.root_keys())? else { return Ok(Vec::new()) };
    let damaged = |what: &str| Problem(format!("the root keys in {} {what}", folder.0.display()));
    let sealed: Vec<Sealed> = serde_json::from_slice(&sealed).map_err(|_| damaged("cannot be read"))?;
    let key = folder.seal_key();
    let opened = sealed.iter().map(|one| {
        open(&key, one).map_err(|error| match error {
            SealError::Missing => damaged("have lost their sealing key seal.key"),
            SealError::Mismatched => damaged("do not fit their seal.key"),
            SealError::Unusable => damaged("have a seal.key that cannot be used"),
        })
    });
    opened.collect()
}

/// What seals the secrets of this data folder.
pub(crate) fn sealer(data: &Path) -> SealKey {
    Folder::of(data).seal_key()
}

/// Makes a root key and adds it to the folder's. The secret is in the answer and nowhere else in the clear.
pub(crate) fn create(data: &Path) -> Outcome<RootKey> {
    let folder = Folder::of(data);
    let mut all = load(data)?;
    let mut secret = [0; 30];
    SystemIds.fill(&mut secret);
    let made = RootKey {
        access_key_id: format!("AKIA{}", Ids(&SystemIds).base32(16)),
        secret: Arc::from(STANDARD.encode(secret)),
    };
    all.push(made.clone());
    let seal_key = folder.seal_key();
    let sealed: Result<Vec<Sealed>, SealError> = all.iter().map(|key| seal(&seal_key, key)).collect();
    let sealed = sealed.map_err(|e| Problem::new("the root key could not be sealed", &e))?;
    let text = serde_json::to_vec_pretty(&sealed).map_err(|e| Problem::new("the root keys", &e))?;
    write(&folder.root_keys(), &text)?;
    Ok(made)
}

fn seal(key: &SealKey, root: &RootKey) -> Result<Sealed, SealError> {
    let secret = key.seal(root.access_key_id.as_bytes(), root.secret.as_bytes())?;
    Ok(Sealed { access_key_id: root.access_key_id.clone(), secret: STANDARD.encode(secret) })
}

fn open(key: &SealKey, sealed: &Sealed) -> Result<RootKey, SealError> {
    let secret = STANDARD.decode(&sealed.secret).map_err(|_| SealError::Mismatched)?;
    let secret = key.open(sealed.access_key_id.as_bytes(), &secret)?;
    let secret = String::from_utf8(secret).map_err(|_| SealError::Mismatched)?;
    Ok(RootKey { access_key_id: sealed.access_key_id.clone(), secret: Arc::from(secret) })
}

fn read(path: &Path) -> Outcome<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(&format!("cannot read {}", path.display()), &error)),
    }
}

/// Replaces a file that only its owner may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Outcome {
    let fresh = path.with_extension("new");
    let put = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        fs::File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    put().map_err(|e| Problem::new(&format!("cannot write {}", path.display()), &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keys_read_back_and_are_not_in_the_clear() {
        let data = tempfile::tempdir().unwrap();
        assert!(load(data.path()).unwrap().is_empty());
        let first = create(data.path()).unwrap();
        let second = create(data.path()).unwrap();
        let keys = load(data.path()).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!((&keys[0].access_key_id, &keys[1].secret), (&first.access_key_id, &second.secret));
        let stored = fs::read_to_string(Folder::of(data.path()).root_keys()).unwrap();
        assert!(!stored.contains(&*first.secret));
    }

    #[test]
    fn a_swapped_sealing_key_is_refused_with_a_word() {
        let data = tempfile::tempdir().unwrap();
        create(data.path()).unwrap();
        let path = data.path().join("identity/seal.key");
        fs::write(&path, [7; kernel::KeySealer::KEY_BYTES]).unwrap();
        assert!(load(data.path()).err().unwrap().0.contains("do not fit"));
        fs::remove_file(&path).unwrap();
        assert!(load(data.path()).err().unwrap().0.contains("lost their sealing key"));
    }

    #[test]
    fn the_test_credential_is_let_in_only_where_it_is_allowed() {
        let found = |allow_test, id: &str| {
            let credentials = RootCredentials { allow_test, keys: vec![] };
            credentials.look_up(id, None).ok().map(|found| found.account.to_string())
        };
        assert_eq!(found(true, "test").as_deref(), Some("000000000000"));
        assert_eq!(found(true, "123456789012").as_deref(), Some("123456789012"));
        assert_eq!(found(true, "AKIAIOSFODNN7EXAMPLE"), None);
        assert_eq!(found(false, "test"), None);
        assert_eq!(found(false, "123456789012"), None);
    }
}
