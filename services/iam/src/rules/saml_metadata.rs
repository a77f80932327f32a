//! Metadata of SAML identity providers: XML that says who they are and what they sign with. Source: "Metadata for the
//! OASIS Security Assertion Markup Language (SAML) V2.0", and IAM's demands in "Create a SAML identity provider".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Millis, Result};
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::errors;

const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const SIGNATURES: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Elements within elements.
const DEPTH_MAX: usize = 64;

/// What is known of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub entity_id: String,
    pub valid_until: Option<Millis>,
    /// Certificates of the keys it signs with: DER.
    pub certificates: Vec<Vec<u8>>,
}

/// Reads a document.
///
/// # Errors
/// When it is not well-formed XML, or lacks what every identity provider's has.
pub fn read(document: &str) -> Result<Metadata> {
    let found = Walk::new(document).walked().ok_or_else(errors::bad_metadata)?;
    let Walk { metadata, is_identity_provider, signs_in, .. } = found;
    let complete = is_identity_provider
        && signs_in
        && !metadata.entity_id.is_empty()
        && !metadata.certificates.is_empty();
    if complete { Ok(metadata) } else { Err(errors::bad_metadata()) }
}

struct Walk<'d> {
    reader: NsReader<&'d [u8]>,
    /// Local names of the elements around.
    around: Vec<String>,
    roots: usize,
    metadata: Metadata,
    is_identity_provider: bool,
    signs_in: bool,
    /// Within a key to encrypt with, which signs nothing.
    encrypts: bool,
    /// Text of a certificate that is being read.
    certificate: Option<String>,
}

impl<'d> Walk<'d> {
    fn new(document: &'d str) -> Self {
        let mut reader = NsReader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            around: Vec::new(),
            roots: 0,
            metadata: Metadata::default(),
            is_identity_provider: false,
            signs_in: false,
            encrypts: false,
            certificate: None,
        }
    }

    /// `None` for what is no such document.
    fn walked(mut self) -> Option<Self> {
        loop {
            let (resolved, event) = self.reader.read_resolved_event().ok()?;
            let of =
                |wanted: &str| matches!(resolved, ResolveResult::Bound(Namespace(found)) if found == wanted);
            let (metadata, signatures) = (of(METADATA), of(SIGNATURES));
            match event {
                Event::Start(start) => self.open(&start, metadata, signatures)?,
                Event::End(_) => {
                    self.around.pop()?;
                    if let Some(text) = self.certificate.take() {
                        let plain: String = text.split_whitespace().collect();
                        self.metadata.certificates.push(STANDARD.decode(plain).ok()?);
                    }
                }
                Event::Text(text) => {
                    if let Some(certificate) = &mut self.certificate {
                        certificate.push_str(&text);
                    }
                }
                // A document that defines entities may mean anything.
                Event::DocType(_) => return None,
                Event::Eof => return (self.roots == 1 && self.around.is_empty()).then_some(self),
                _ => {}
            }
        }
    }

    /// An element begins, of one of the two namespaces or of neither.
    fn open(&mut self, start: &BytesStart<'_>, metadata: bool, signatures: bool) -> Option<()> {
        let name = start.local_name().as_ref().to_owned();
        if self.around.is_empty() {
            self.roots += 1;
            if self.roots > 1 || !metadata || name != "EntityDescriptor" {
                return None;
            }
            for attribute in start.attributes() {
                let attribute = attribute.ok()?;
                let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
                match attribute.key.as_ref() {
                    "entityID" => self.metadata.entity_id = value,
                    "validUntil" => self.metadata.valid_until = Some(instant(&value)?),
                    _ => {}
                }
            }
        }
        let in_provider = self.is_within("IDPSSODescriptor");
        match name.as_str() {
            "IDPSSODescriptor" if metadata => self.is_identity_provider = true,
            "SingleSignOnService" if metadata && in_provider => self.signs_in = true,
            // A key without a use serves both.
            "KeyDescriptor" if metadata => self.encrypts = is_to_encrypt(start)?,
            "X509Certificate" if signatures && in_provider && !self.encrypts => {
                self.certificate = Some(String::new());
            }
            _ => {}
        }
        self.around.push(name);
        (self.around.len() <= DEPTH_MAX).then_some(())
    }

    fn is_within(&self, name: &str) -> bool {
        self.around.iter().any(|one| one == name)
    }
}

/// `None` for what is not well-formed.
fn is_to_encrypt(start: &BytesStart<'_>) -> Option<bool> {
    let mut is = false;
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        is |= attribute.key.as_ref() == "use" && attribute.value.as_ref() == "encryption";
    }
    Some(is)
}

fn instant(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(at.unix_timestamp() * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(root: &str, inside: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" {root}>
               <md:IDPSSODescriptor>{inside}</md:IDPSSODescriptor></md:EntityDescriptor>"#
        )
    }

    const KEY: &str = r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
        <ds:X509Data><ds:X509Certificate> MAA=
        </ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#;
    const SIGN_IN: &str = r#"<md:SingleSignOnService Binding="b" Location="https://id.example.com"/>"#;

    #[test]
    fn metadata_tells_who_and_with_what_key() {
        let text = document(
            r#"entityID="https://id" validUntil="2030-01-01T00:00:00Z""#,
            &format!("{KEY}{SIGN_IN}"),
        );
        let read = read(&text).unwrap();
        assert_eq!(read.entity_id, "https://id");
        assert_eq!(read.valid_until, Some(1_893_456_000_000));
        assert_eq!(read.certificates, [vec![0x30, 0]]);
    }

    #[test]
    fn keys_to_encrypt_with_sign_nothing() {
        let both = format!("{}{KEY}{SIGN_IN}", KEY.replace("signing", "encryption").replace("MAA=", "MAE="));
        assert_eq!(read(&document(r#"entityID="i""#, &both)).unwrap().certificates, [vec![0x30, 0]]);
        let one = format!("{}{SIGN_IN}", KEY.replace("signing", "encryption"));
        assert!(read(&document(r#"entityID="i""#, &one)).is_err());
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        let good = document(r#"entityID="i""#, &format!("{KEY}{SIGN_IN}"));
        assert!(read(&good).is_ok());
        for bad in [
            String::new(),
            "nonsense".repeat(200),
            document("", &format!("{KEY}{SIGN_IN}")),
            document(r#"entityID="i""#, KEY),
            document(r#"entityID="i""#, SIGN_IN),
            good.replace("SAML:2.0:metadata", "SAML:1.0:metadata"),
            good.replace("</md:IDPSSODescriptor>", ""),
            good.replace("MAA=", "not-base64!"),
            good.replace(r#"<?xml version="1.0"?>"#, r#"<!DOCTYPE x [<!ENTITY e "e">]>"#),
            format!("{good}{good}"),
            "<a>".repeat(100_000),
        ] {
            assert!(read(&bad).is_err(), "{}", bad.get(..80).unwrap_or(&bad));
        }
    }
}
