//! One bounded GET over TLS. A server is believed when a public authority vouches for it, or a registered thumbprint.
//!
//! Source: IAM user guide, "Obtain the thumbprint for an OpenID Connect identity provider".

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connecting, asking and reading take no longer together.
const PATIENCE: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 262_144;

/// The body of `url`, which must be `https://`; redirects are not followed.
///
/// # Errors
/// When it cannot be had within five seconds, or is longer than 256 KiB.
pub async fn get(url: &str, thumbprints: &[String]) -> Result<Bytes, Failure> {
    let uri: Uri = url.parse()?;
    if uri.scheme_str() != Some("https") {
        return Err("not an https:// URL".into());
    }
    tokio::time::timeout(PATIENCE, talk(&uri, thumbprints)).await?
}

async fn talk(uri: &Uri, thumbprints: &[String]) -> Result<Bytes, Failure> {
    let authority = uri.authority().ok_or("no host")?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let tcp = TcpStream::connect((host.as_str(), authority.port_u16().unwrap_or(443))).await?;
    let name = ServerName::try_from(host)?;
    let tls = TlsConnector::from(Arc::new(config(thumbprints)?)).connect(name, tcp).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    let ask = async {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(Failure::from(format!("status {}", answer.status())));
        }
        Ok(Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await?.to_bytes())
    };
    tokio::pin!(connection, ask);
    let mut is_open = true;
    loop {
        tokio::select! {
            body = &mut ask => return body,
            // Its failure is seen by who asks.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

fn config(thumbprints: &[String]) -> Result<ClientConfig, Failure> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let thumbprints = thumbprints.iter().map(|thumbprint| thumbprint.to_ascii_lowercase()).collect();
    let verifier = Verifier { public: verifier(public, &crypto)?, crypto: crypto.clone(), thumbprints };
    let config = ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn verifier(
    roots: RootCertStore,
    crypto: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Failure> {
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto.clone()).build()?)
}

/// Believes the public authorities, then those whose thumbprint was registered.
#[derive(Debug)]
struct Verifier {
    public: Arc<WebPkiServerVerifier>,
    crypto: Arc<CryptoProvider>,
    thumbprints: Vec<String>,
}

impl Verifier {
    fn is_registered(&self, certificate: &CertificateDer<'_>) -> bool {
        let found = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
        let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.thumbprints.contains(&found)
    }

    /// The server's own certificate is registered, or it leads to a certificate that is.
    fn check_registered(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), TlsError> {
        if self.is_registered(own) {
            return Ok(());
        }
        let unknown = || TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let registered =
            others.iter().find(|certificate| self.is_registered(certificate)).ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(registered.clone().into_owned())?;
        let verifier = verifier(roots, &self.crypto).map_err(|_| unknown())?;
        verifier.verify_server_cert(own, others, name, &[], now).map(|_| ())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Err(refusal) = self.public.verify_server_cert(own, others, name, ocsp, now) else {
            return Ok(ServerCertVerified::assertion());
        };
        let registered = self.check_registered(own, others, name, now);
        registered.map(|()| ServerCertVerified::assertion()).map_err(|_| refusal)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.public.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.public.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.public.supported_verify_schemes()
    }
}
