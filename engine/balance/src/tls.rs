//! TLS: certificates chosen by the name a client asks for, and connections to members that are not checked.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::spec::Speaks;

/// Who a door is: its certificates, the first for clients that name nobody we know.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub certificates: Vec<Certificate>,
    pub versions: Versions,
    /// Offered in this order to clients of a stream.
    pub alpn: Vec<String>,
}

/// A certificate with its chain and key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pub chain: Arc<str>,
    pub key: Arc<str>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// Versions of TLS that are spoken. Older ones are not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    Tls12,
    Tls12And13,
    Tls13,
}

static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static TLS12_AND_13: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

impl Versions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Versions::Tls12 => &TLS12,
            Versions::Tls12And13 => &TLS12_AND_13,
            Versions::Tls13 => &TLS13,
        }
    }
}

/// Whether a certificate and its key can be served.
///
/// # Errors
/// A plain sentence.
pub fn check(certificate: &Certificate) -> io::Result<()> {
    Named::of(certificate).map(drop)
}

/// What takes TLS off connections.
#[derive(Clone)]
pub(crate) struct Acceptors(pub(crate) TlsAcceptor);

impl Acceptors {
    /// `None` where no TLS is spoken.
    pub(crate) fn of(speaks: &Speaks, http2: bool) -> io::Result<Option<Self>> {
        let (identity, alpn) = match speaks {
            Speaks::Http(Some(identity)) => {
                let protocols: &[&str] = if http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
                (identity, protocols.iter().map(|name| name.as_bytes().to_vec()).collect())
            }
            Speaks::Stream { tls: Some(identity), .. } => {
                (identity, identity.alpn.iter().map(|name| name.as_bytes().to_vec()).collect())
            }
            _ => return Ok(None),
        };
        let named = identity.certificates.iter().map(Named::of).collect::<io::Result<Vec<_>>>()?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(identity.versions.list())
            .map_err(io::Error::other)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(Certificates(named)));
        config.alpn_protocols = alpn;
        Ok(Some(Self(TlsAcceptor::from(Arc::new(config)))))
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())).clone()
}

#[derive(Debug)]
struct Named {
    key: Arc<CertifiedKey>,
    leaf: CertificateDer<'static>,
}

impl Named {
    fn of(certificate: &Certificate) -> io::Result<Self> {
        let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let leaf = chain.first().cloned().ok_or_else(|| io::Error::other("no certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).map_err(io::Error::other)?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(io::Error::other)?;
        Ok(Self { key: Arc::new(key), leaf })
    }

    fn is_for(&self, name: &ServerName<'_>) -> bool {
        ParsedCertificate::try_from(&self.leaf).is_ok_and(|leaf| verify_server_name(&leaf, name).is_ok())
    }
}

#[derive(Debug)]
struct Certificates(Vec<Named>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fitting = name.and_then(|name| self.0.iter().find(|one| one.is_for(&name)));
        fitting.or_else(|| self.0.first()).map(|one| one.key.clone())
    }
}

/// A suite as OpenSSL calls it: those of TLS 1.3 as everybody does.
pub(crate) fn suite_name(suite: &str) -> String {
    match suite.strip_prefix("TLS_").and_then(|rest| rest.split_once("_WITH_")) {
        Some((exchange, cipher)) => {
            let cipher =
                cipher.replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305").replace("AES_", "AES");
            format!("{exchange}-{cipher}").replace('_', "-")
        }
        None => suite.replace("TLS13_", "TLS_"),
    }
}

/// TLS towards a member.
pub(crate) async fn connect(
    stream: TcpStream,
    to: SocketAddr,
    http2: bool,
) -> io::Result<TlsStream<TcpStream>> {
    static CONFIGS: OnceLock<Option<[Arc<ClientConfig>; 2]>> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| Some([client(b"http/1.1").ok()?, client(b"h2").ok()?]));
    let [http1_config, http2_config] =
        configs.as_ref().ok_or_else(|| io::Error::other("TLS is not there"))?;
    let config = if http2 { http2_config } else { http1_config };
    TlsConnector::from(config.clone()).connect(ServerName::from(to.ip()), stream).await
}

fn client(protocol: &[u8]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let trusting = Arc::new(Trusting(provider()));
    let mut config = config.dangerous().with_custom_certificate_verifier(trusting).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}

/// Takes any certificate: members are known by their address inside a private network.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::suite_name;

    #[test]
    fn suites_have_the_names_of_openssl() {
        for (suite, name) in [
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
            ("TLS13_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ] {
            assert_eq!(suite_name(suite), name);
        }
    }
}
