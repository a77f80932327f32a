//! Who signed a SAML response: its signatures, each over the whole element it stands in, by the provider's certificates.
//!
//! Source: XML Signature Syntax and Processing 1.1; SAML 2.0 core, 5.4. The library resolves, canonicalizes, digests and
//! verifies; here stands what SAML allows of all that XML signatures can say, so that nothing but the provider's own words
//! is ever read (signature wrapping).

use bergshamra_dsig::context::DsigContext;
use bergshamra_dsig::{VerifyResult, verify};
use bergshamra_keys::{KeysManager, loader};
use kernel::Result;
use uppsala::{Document, NodeId};

use crate::errors;

const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const CANONICAL: [&str; 2] =
    ["http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"];
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const DIGESTS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
const METHODS: [&str; 6] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
];

/// # Errors
/// Unless one of `signed` (the response, and the assertion in it) is signed, and every signature there is, is whole.
pub(super) fn check(document: &Document<'_>, signed: [NodeId; 2], certificates: &[Vec<u8>]) -> Result<()> {
    let signatures = document.get_elements_by_tag_name_ns(NAMESPACE, "Signature");
    let parents: Vec<_> = signatures.iter().map(|signature| document.parent(*signature)).collect();
    let stands = |element: &NodeId| parents.iter().filter(|parent| **parent == Some(*element)).count();
    let [response, assertion] = signed.each_ref().map(stands);
    let is_fine = response <= 1 && assertion <= 1 && response + assertion == signatures.len();
    let well_formed = signatures.iter().all(|signature| form(document, *signature).is_some());
    if signatures.is_empty() || !is_fine || !well_formed {
        return Err(errors::bad_response_signature());
    }
    let context = DsigContext::new(keys(certificates));
    let verified = verify::verify_all_document(&context, document);
    let verified = verified.map_err(|_| errors::bad_response_signature())?;
    let covers_its_parent = |result: &VerifyResult| match result {
        VerifyResult::Valid { signature_node, references, .. } => match references.as_slice() {
            [one] => one.digest_verified && one.resolved_node == document.parent(*signature_node),
            _ => false,
        },
        VerifyResult::Invalid { .. } => false,
    };
    let is_whole = verified.len() == signatures.len() && verified.iter().all(covers_its_parent);
    if is_whole { Ok(()) } else { Err(errors::bad_response_signature()) }
}

/// Whatever the document itself says of keys is not looked at. AWS does not ask whether certificates have ended.
fn keys(certificates: &[Vec<u8>]) -> KeysManager {
    let mut keys = KeysManager::new();
    keys.add_keys(certificates.iter().filter_map(|der| loader::load_x509_cert_der(der).ok()));
    keys
}

/// `None` when a signature says anything but: this very element, without this signature, in canonical form.
fn form(document: &Document<'_>, signature: NodeId) -> Option<()> {
    let id = document.get_attribute(document.parent(signature)?, "ID")?;
    let info = only(document, signature, "SignedInfo")?;
    let reference = only(document, info, "Reference")?;
    let algorithm = |element: NodeId| document.get_attribute(element, "Algorithm");
    let is_one_of = |element: Option<NodeId>, known: &[&str]| {
        element.and_then(algorithm).is_some_and(|named| known.contains(&named))
    };
    let transforms = only(document, reference, "Transforms")?;
    let named: Vec<_> = document
        .child_elements_by_name_ns(transforms, NAMESPACE, "Transform")
        .into_iter()
        .filter_map(algorithm)
        .collect();
    let is_plain = match named.as_slice() {
        [first] => *first == ENVELOPED,
        [first, second] => *first == ENVELOPED && CANONICAL.contains(second),
        _ => false,
    };
    let is_fine = document.get_attribute(reference, "URI")?.strip_prefix('#') == Some(id)
        && is_plain
        && is_one_of(only(document, reference, "DigestMethod"), &DIGESTS)
        && is_one_of(only(document, info, "SignatureMethod"), &METHODS)
        && is_one_of(only(document, info, "CanonicalizationMethod"), &CANONICAL);
    is_fine.then_some(())
}

/// The one child of this name.
fn only(document: &Document<'_>, parent: NodeId, name: &str) -> Option<NodeId> {
    match document.child_elements_by_name_ns(parent, NAMESPACE, name).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}
