//! What a certificate says, and whether key and chain are its own. The libraries of the TLS side do the work.

use kernel::{Millis, Result};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::errors;

/// What is shown of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub names: Vec<String>,
    /// `0a:1b:…`
    pub serial: String,
    pub subject: String,
    pub issuer: String,
    pub not_before: Millis,
    pub not_after: Millis,
    /// `EC_prime256v1`
    pub key_algorithm: String,
    /// `SHA256WITHECDSA`
    pub signature_algorithm: String,
}

/// Reads a certificate and checks its key and chain.
///
/// # Errors
/// `ValidationException` when one of them is no PEM of its kind, the key is another's, or the chain does not lead on.
pub fn read(body: &str, key: &str, chain: Option<&str>) -> Result<Facts> {
    let own = ders(body).ok_or_else(|| {
        errors::validation("The certificate field contains more than one certificate, or none.")
    })?;
    let [own] = own.as_slice() else {
        return Err(errors::validation(
            "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
        ));
    };
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).ok().and_then(|key| any_supported_type(&key).ok());
    let key = key.ok_or_else(|| errors::validation("The private key is not supported."))?;
    if CertifiedKey::new(vec![own.clone()], key).keys_match().is_err() {
        return Err(errors::validation("The private key does not match the certificate."));
    }
    let leaf = parse(own)?;
    let rest = match chain {
        Some(chain) => {
            ders(chain).ok_or_else(|| errors::validation("The certificate chain is not valid PEM."))?
        }
        None => Vec::new(),
    };
    let mut last = leaf.clone();
    for next in &rest {
        let issuer = parse(next)?;
        if last.issuer() != issuer.subject() || last.verify_signature(Some(issuer.public_key())).is_err() {
            return Err(errors::validation("Could not validate the certificate with the certificate chain."));
        }
        last = issuer;
    }
    Ok(facts(&leaf))
}

fn ders(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<std::result::Result<Vec<_>, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

fn parse<'c>(der: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>> {
    let parsed = X509Certificate::from_der(der);
    parsed
        .map(|(_, certificate)| certificate)
        .map_err(|_| errors::validation("The certificate cannot be read."))
}

fn facts(of: &X509Certificate<'_>) -> Facts {
    let alternative = of.subject_alternative_name().ok().flatten();
    let names =
        alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
    let mut names: Vec<String> = names.collect();
    if names.is_empty() {
        names
            .extend(of.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned));
    }
    let time = |at: i64| at.saturating_mul(1_000);
    Facts {
        names,
        serial: of.raw_serial_as_string(),
        subject: of.subject().to_string(),
        issuer: of.issuer().to_string(),
        not_before: time(of.validity().not_before.timestamp()),
        not_after: time(of.validity().not_after.timestamp()),
        key_algorithm: key_algorithm(of),
        signature_algorithm: signature_algorithm(&of.signature_algorithm.algorithm.to_id_string()).to_owned(),
    }
}

fn key_algorithm(of: &X509Certificate<'_>) -> String {
    match of.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA_{}", key.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            384 => "EC_secp384r1".to_owned(),
            521.. => "EC_secp521r1".to_owned(),
            _ => "EC_prime256v1".to_owned(),
        },
        _ => String::new(),
    }
}

/// AWS's words for the usual identifiers (RFC 5758, RFC 8017).
fn signature_algorithm(id: &str) -> &'static str {
    match id {
        "1.2.840.10045.4.3.2" => "SHA256WITHECDSA",
        "1.2.840.10045.4.3.3" => "SHA384WITHECDSA",
        "1.2.840.10045.4.3.4" => "SHA512WITHECDSA",
        "1.2.840.113549.1.1.11" => "SHA256WITHRSA",
        "1.2.840.113549.1.1.12" => "SHA384WITHRSA",
        "1.2.840.113549.1.1.13" => "SHA512WITHRSA",
        _ => "",
    }
}
