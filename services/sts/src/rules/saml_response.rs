//! A provider's answer (a SAML response, in Base64): parsed once, and the one assertion in it read when its signature holds.
//!
//! Source: SAML 2.0 core, 2 and 3.2; IAM user guide, "Configure SAML assertions for the authentication response".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Millis, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uppsala::{Document, NodeId, Parser};

use super::saml_assertion::Assertion;
use super::saml_signature;
use crate::errors;

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTIONS: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Elements within elements.
const DEPTH_MAX: u32 = 64;

/// What a provider said, which signed it with the key of one of `certificates`.
///
/// # Errors
/// When it is no response with one assertion, it is not signed so, or it tells of a failure.
pub fn read(encoded: &str, certificates: &[Vec<u8>]) -> Result<Assertion> {
    let plain: String = encoded.split_whitespace().collect();
    let bytes = STANDARD.decode(plain).map_err(|_| errors::bad_response())?;
    let text = String::from_utf8(bytes).map_err(|_| errors::bad_response())?;
    let parser = Parser::new().with_forbid_dtd(true).with_max_depth(DEPTH_MAX);
    let document = parser.parse(&text).map_err(|_| errors::bad_response())?;
    if !document.get_elements_by_tag_name_ns(ASSERTIONS, "EncryptedAssertion").is_empty() {
        return Err(errors::encrypted_assertion());
    }
    let (response, status) = response(&document).ok_or_else(errors::bad_response)?;
    if status != SUCCESS {
        return Err(errors::rejected_by_provider(&status));
    }
    let assertion = assertion(&document, response).ok_or_else(errors::bad_response)?;
    saml_signature::check(&document, [response, assertion], certificates)?;
    Reader(&document).assertion(assertion).ok_or_else(errors::bad_response)
}

/// The response and its status.
fn response(document: &Document<'_>) -> Option<(NodeId, String)> {
    let response = document.document_element()?;
    let is_response = document.element(response)?.matches_name_ns(PROTOCOL, "Response");
    let status = document.first_child_element_by_name_ns(response, PROTOCOL, "Status")?;
    let code = document.first_child_element_by_name_ns(status, PROTOCOL, "StatusCode")?;
    is_response.then_some((response, document.get_attribute(code, "Value")?.to_owned()))
}

/// The only assertion there is, which stands in the response itself and nowhere else.
fn assertion(document: &Document<'_>, response: NodeId) -> Option<NodeId> {
    match document.get_elements_by_tag_name_ns(ASSERTIONS, "Assertion").as_slice() {
        [one] if document.parent(*one) == Some(response) => Some(*one),
        _ => None,
    }
}

struct Reader<'d>(&'d Document<'d>);

impl Reader<'_> {
    fn all(&self, parent: NodeId, name: &str) -> Vec<NodeId> {
        self.0.child_elements_by_name_ns(parent, ASSERTIONS, name)
    }

    fn only(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        match self.all(parent, name).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// All of it: a comment within cuts nothing off.
    fn text(&self, element: NodeId) -> String {
        self.0.text_content_deep(element).trim().to_owned()
    }

    fn attribute(&self, element: NodeId, name: &str) -> Option<String> {
        self.0.get_attribute(element, name).map(str::to_owned)
    }

    /// `None` when it is there and no instant.
    fn instant(&self, element: NodeId, name: &str) -> Option<Option<Millis>> {
        match self.0.get_attribute(element, name) {
            None => Some(None),
            Some(text) => Some(Some(instant(text)?)),
        }
    }

    fn assertion(&self, assertion: NodeId) -> Option<Assertion> {
        let subject = self.only(assertion, "Subject")?;
        let name = self.only(subject, "NameID")?;
        let confirmation = self.only(subject, "SubjectConfirmation")?;
        let confirmed = self.only(confirmation, "SubjectConfirmationData")?;
        let conditions = self.only(assertion, "Conditions")?;
        let statements = self.all(assertion, "AuthnStatement");
        let ends = statements.iter().map(|one| self.instant(*one, "SessionNotOnOrAfter"));
        let ends = ends.collect::<Option<Vec<_>>>()?;
        let audiences = |restriction: &NodeId| {
            self.all(*restriction, "Audience").into_iter().map(|one| self.text(one)).collect::<Vec<_>>()
        };
        let is_bearers = self.0.get_attribute(confirmation, "Method") == Some(BEARER);
        let read = Assertion {
            issuer: self.text(self.only(assertion, "Issuer")?),
            subject: self.text(name),
            subject_format: self.attribute(name, "Format"),
            recipient: self.attribute(confirmed, "Recipient")?,
            issued_at: self.instant(assertion, "IssueInstant")??,
            not_before: [confirmed, conditions]
                .into_iter()
                .map(|one| self.instant(one, "NotBefore"))
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .flatten()
                .max(),
            until: match self.instant(conditions, "NotOnOrAfter")? {
                Some(until) => until.min(self.instant(confirmed, "NotOnOrAfter")??),
                None => self.instant(confirmed, "NotOnOrAfter")??,
            },
            audiences: self.all(conditions, "AudienceRestriction").iter().map(audiences).collect(),
            session_until: ends.into_iter().flatten().min(),
            attributes: self.attributes(assertion)?,
        };
        is_bearers.then_some(read)
    }

    fn attributes(&self, assertion: NodeId) -> Option<Vec<(String, Vec<String>)>> {
        let statements = self.all(assertion, "AttributeStatement");
        let attributes = statements.iter().flat_map(|statement| self.all(*statement, "Attribute"));
        let read = |attribute: NodeId| {
            let values = self.all(attribute, "AttributeValue").into_iter().map(|value| self.text(value));
            Some((self.attribute(attribute, "Name")?, values.collect()))
        };
        attributes.map(read).collect()
    }
}

fn instant(text: &str) -> Option<Millis> {
    let at = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
    Millis::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}
