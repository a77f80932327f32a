//! Certificates of a local authority: made on the first TLS connection, kept in the data folder, one leaf per name.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::KeyedCertificate;
use kernel::clock::{Clock, Millis};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

/// Names with a certificate kept at once; when there are more, all are made anew.
const NAMES_MAX: usize = 256;
/// Longer than this, some clients refuse a certificate.
const LEAF_DAYS: i64 = 397;
/// A leaf this old is made anew.
const RENEW_AFTER_MS: Millis = 300 * 86_400_000;
const AUTHORITY_DAYS: i64 = 20 * 365;
/// In the certificate of clients that name no host, as those who come by address do.
const DEFAULT_NAMES: [&str; 7] = [
    "localhost",
    "*.localhost",
    "localhost.localstack.cloud",
    "*.localhost.localstack.cloud",
    "*.amazonaws.com",
    "127.0.0.1",
    "::1",
];

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot use {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot use a certificate")]
    Rustls(#[from] rustls::Error),
    #[error("cannot read a certificate")]
    Pem(#[from] rustls::pki_types::pem::Error),
}

/// A certificate authority of this cloud's own, and the leaves it signs.
pub struct Authority {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Nothing is read or made before it is needed.
    state: Mutex<Option<State>>,
}

struct State {
    pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all leaves; it lives as long as the process.
    leaf_key: KeyPair,
    leaves: HashMap<String, (Millis, Arc<CertifiedKey>)>,
}

impl Authority {
    /// An authority whose certificate is `ca.pem` in `folder`, made there when first needed. Cheap.
    pub fn new(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { folder: folder.into(), clock, state: Mutex::new(None) })
    }

    /// The authority's certificate, for clients to trust.
    ///
    /// # Errors
    /// When it can neither be read nor made.
    pub fn ca_pem(&self) -> Result<String, TlsError> {
        self.with(|state, _| Ok(state.pem.clone()))
    }

    /// What a TLS acceptor needs: HTTP/2 and HTTP/1.1, and a certificate for whatever name is asked for.
    ///
    /// # Errors
    /// When the TLS library lacks what it was built with.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(provider::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State, Millis) -> Result<T, TlsError>) -> Result<T, TlsError> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match &mut *state {
            Some(state) => state,
            empty => empty.insert(State::open(&self.folder, now)?),
        };
        f(state, now)
    }

    fn leaf(&self, name: Option<&str>) -> Result<Arc<CertifiedKey>, TlsError> {
        self.with(|state, now| {
            let key = name.unwrap_or_default();
            if let Some((made_at, leaf)) = state.leaves.get(key)
                && now - made_at < RENEW_AFTER_MS
            {
                return Ok(leaf.clone());
            }
            let leaf = Arc::new(state.make_leaf(name, now)?);
            if state.leaves.len() >= NAMES_MAX {
                state.leaves.clear();
            }
            state.leaves.insert(key.to_owned(), (now, leaf.clone()));
            Ok(leaf)
        })
    }
}

impl State {
    fn open(folder: &Path, now: Millis) -> Result<Self, TlsError> {
        let (pem_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        let params = authority_params(now);
        let (pem, key) = match (read(&pem_path)?, read(&key_path)?) {
            (Some(pem), Some(key)) => (pem, KeyPair::from_pem(&key)?),
            _ => {
                let key = KeyPair::generate()?;
                let pem = params.self_signed(&key)?.pem();
                // The key first: a certificate without its key is made anew, one with another's never comes to be.
                write(folder, &key_path, &key.serialize_pem())?;
                write(folder, &pem_path, &pem)?;
                (pem, key)
            }
        };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let leaf_key = KeyPair::generate()?;
        Ok(Self { pem, certificate, issuer: Issuer::new(params, key), leaf_key, leaves: HashMap::new() })
    }

    /// A certificate with a key of its own, for others to serve.
    fn issue(&self, names: &[String], now: Millis, life_ms: Millis) -> Result<KeyedCertificate, TlsError> {
        let key = KeyPair::generate()?;
        let days = life_ms.div_euclid(86_400_000);
        let leaf = leaf_params(names.to_vec(), now, days)?.signed_by(&key, &self.issuer)?;
        Ok(KeyedCertificate { chain: leaf.pem() + &self.pem, key: key.serialize_pem() })
    }

    fn make_leaf(&self, name: Option<&str>, now: Millis) -> Result<CertifiedKey, TlsError> {
        let names: Vec<String> = match name {
            Some(name) => vec![name.to_owned()],
            None => DEFAULT_NAMES.map(str::to_owned).to_vec(),
        };
        let leaf = leaf_params(names, now, LEAF_DAYS)?.signed_by(&self.leaf_key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(self.leaf_key.serialize_der().into());
        let chain = vec![leaf.der().clone(), self.certificate.clone()];
        Ok(CertifiedKey::new(chain, provider::sign::any_ecdsa_type(&key)?))
    }
}

impl kernel::Issuer for Authority {
    fn issue(&self, names: &[String], life_ms: Millis) -> kernel::Result<KeyedCertificate> {
        self.with(|state, now| state.issue(names, now, life_ms)).map_err(kernel::Error::internal)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.leaf(hello.server_name())
            .inspect_err(
                |error| tracing::error!(%error, cause = ?std::error::Error::source(error), "no certificate"),
            )
            .ok()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Of a server; called by the first of its names.
fn leaf_params(names: Vec<String>, now: Millis, days: i64) -> Result<CertificateParams, TlsError> {
    let first = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, first);
    (params.not_before, params.not_after) = validity(now, days);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The same every time but for its dates: the issuer of a leaf is named by them, and by the key.
fn authority_params(now: Millis) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Cloudlet");
    params.distinguished_name.push(DnType::CommonName, "Cloudlet local authority");
    (params.not_before, params.not_after) = validity(now, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// From a day ago, for clocks that differ.
fn validity(now: Millis, days: i64) -> (OffsetDateTime, OffsetDateTime) {
    let now =
        OffsetDateTime::from_unix_timestamp(now.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (now - Duration::days(1), now + Duration::days(days - 1))
}

fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::File { path: path.to_owned(), source }),
    }
}

/// Written whole or not at all, readable by its owner only.
fn write(folder: &Path, path: &Path, text: &str) -> Result<(), TlsError> {
    let fresh = path.with_extension("new");
    let written = || -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::clock::FakeClock;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_authority_survives_a_restart_and_its_key_is_secret() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("tls");
        let first = Authority::new(&at, Arc::new(FakeClock::default()));
        assert!(!at.exists(), "nothing is made before it is needed");
        let pem = first.ca_pem().unwrap();
        assert_eq!(Authority::new(&at, Arc::new(FakeClock::default())).ca_pem().unwrap(), pem);
        let mode = fs::metadata(at.join("ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn leaves_are_kept_bounded_and_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::default());
        let authority = Authority::new(folder.path(), clock.clone());
        let leaf = |name: &str| authority.leaf(Some(name)).unwrap();
        let first = leaf("a.localhost");
        assert!(Arc::ptr_eq(&first, &leaf("a.localhost")));
        clock.advance(RENEW_AFTER_MS);
        assert!(!Arc::ptr_eq(&first, &leaf("a.localhost")));
        for number in 0..NAMES_MAX + 10 {
            leaf(&format!("n{number}.localhost"));
        }
        let kept = authority.with(|state, _| Ok(state.leaves.len())).unwrap();
        assert!(kept <= NAMES_MAX);
    }
}
