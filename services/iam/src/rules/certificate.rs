//! Certificates that servers show: read, checked against their key and chain. The libraries of the TLS side do the work.

use kernel::{Millis, Result};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::errors;

/// Certificates in a chain.
const CHAIN_MAX: usize = 16;

/// Checks a certificate, its key and its chain; gives when the certificate ends.
///
/// # Errors
/// When one of them is no PEM of its kind, the key is of another certificate, or the chain does not lead on from it.
pub fn check(body: &str, key: &str, chain: Option<&str>) -> Result<Millis> {
    let own = read_all(body)?;
    let [own] = own.as_slice() else { return Err(errors::bad_certificate("Unable to parse certificate.")) };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
    let key = key.map_err(|_| errors::bad_certificate("Unable to parse key."))?;
    let key = any_supported_type(&key).map_err(|_| errors::bad_certificate("Unable to parse key."))?;
    if CertifiedKey::new(vec![own.clone()], key).keys_match().is_err() {
        return Err(errors::key_mismatch());
    }
    let leaf = parse(own)?;
    let chain = chain.map(read_all).transpose()?.unwrap_or_default();
    if chain.len() > CHAIN_MAX {
        return Err(errors::bad_certificate("The certificate chain is too long."));
    }
    let mut last = leaf.clone();
    for next in &chain {
        let issuer = parse(next)?;
        let leads =
            last.issuer() == issuer.subject() && last.verify_signature(Some(issuer.public_key())).is_ok();
        if !leads {
            return Err(errors::bad_certificate(
                "Unable to validate certificate chain. The certificate chain must start with the immediate signing \
                 certificate, followed by any intermediaries in order.",
            ));
        }
        last = issuer;
    }
    Ok(leaf.validity().not_after.timestamp().saturating_mul(1_000))
}

fn read_all(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(errors::bad_certificate("Unable to parse certificate.")),
    }
}

fn parse<'c>(der: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>> {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(errors::bad_certificate("Unable to parse certificate.")),
    }
}
