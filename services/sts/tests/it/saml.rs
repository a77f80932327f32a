//! Roles taken on with assertions of a SAML provider, whose key is the test's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_dsig::context::DsigContext;
use bergshamra_keys::{KeysManager, loader};
use rcgen::{CertificateParams, KeyPair};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::*;

const ENTITY: &str = "https://id.example.com/metadata";
const PROVIDER: &str = "arn:aws:iam::000000000000:saml-provider/id";
const ROLE: &str = "arn:aws:iam::000000000000:role/staff";
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes";

struct Provider {
    key: KeyPair,
    certificate: String,
}

impl Provider {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["id.example.com".to_owned()]).unwrap();
        let certificate = STANDARD.encode(certificate.self_signed(&key).unwrap().der());
        Self { key, certificate }
    }

    /// Registers it, and makes the role with this trust beside the provider.
    async fn register(&self, cloud: &TestCloud, more: &str) {
        let metadata = format!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ENTITY}">
            <md:IDPSSODescriptor><md:KeyDescriptor use="signing"><ds:KeyInfo
            xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>
            </ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="b" Location="https://x"/>
            </md:IDPSSODescriptor><!--{}--></md:EntityDescriptor>"#,
            self.certificate,
            " ".repeat(1_000)
        );
        let new = iam_api::CreateSAMLProviderRequest {
            name: "id".into(),
            saml_metadata_document: metadata,
            ..Default::default()
        };
        cloud.call(iam_api::op::CreateSAMLProvider, new).await.unwrap();
        let actions = r#"["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"]"#;
        let trust = allow(actions, &format!(r#""Principal":{{"Federated":"{PROVIDER}"}}{more}"#));
        make_role(cloud, "staff", &trust).await;
    }

    /// Signs the element of this id, where the template leaves room for it.
    fn sign(&self, template: &str) -> String {
        let mut keys = KeysManager::new();
        keys.add_key(loader::load_ec_p256_private_pem(self.key.serialize_pem().as_bytes()).unwrap());
        bergshamra_dsig::sign::sign(&DsigContext::new(keys), template).unwrap()
    }

    fn response(&self, told: &Told) -> String {
        self.sign(&told.response(&signature("a1"), ""))
    }
}

/// Room for a signature over the element of this id.
fn signature(id: &str) -> String {
    let algorithm = |name: &str, of: &str| format!(r#"<ds:{name} Algorithm="http://www.w3.org/{of}"/>"#);
    let canonical = "2001/10/xml-exc-c14n#";
    format!(
        r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>{}{}<ds:Reference URI="#{id}">
        <ds:Transforms>{}{}</ds:Transforms>{}<ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo>
        <ds:SignatureValue></ds:SignatureValue></ds:Signature>"##,
        algorithm("CanonicalizationMethod", canonical),
        algorithm("SignatureMethod", "2001/04/xmldsig-more#ecdsa-sha256"),
        algorithm("Transform", "2000/09/xmldsig#enveloped-signature"),
        algorithm("Transform", canonical),
        algorithm("DigestMethod", "2001/04/xmlenc#sha256"),
    )
}

/// What an assertion says.
#[derive(Clone)]
struct Told {
    issuer: String,
    subject: String,
    audience: String,
    recipient: String,
    status: String,
    /// Seconds since 1970.
    issued_at: i64,
    until: i64,
    session_until: i64,
    attributes: Vec<(String, Vec<String>)>,
}

impl Told {
    fn new(cloud: &TestCloud) -> Self {
        let now = cloud.now() / 1_000;
        let attribute = |name: &str, value: &str| (format!("{ATTRIBUTES}/{name}"), vec![value.to_owned()]);
        Self {
            issuer: ENTITY.into(),
            subject: "kim".into(),
            audience: "urn:amazon:webservices".into(),
            recipient: "https://signin.aws.amazon.com/saml".into(),
            status: "Success".into(),
            issued_at: now,
            until: now + 300,
            session_until: now + 7_200,
            attributes: vec![
                attribute("Role", &format!("{ROLE},{PROVIDER}")),
                attribute("RoleSessionName", "kim@example.com"),
            ],
        }
    }

    fn with(&self, name: &str, values: &[&str]) -> Self {
        let name = format!("{ATTRIBUTES}/{name}");
        let mut told = self.clone();
        told.attributes.retain(|(known, _)| *known != name);
        told.attributes.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        told
    }

    fn attribute(mut self, name: &str, values: &[&str]) -> Self {
        self.attributes.push((name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    fn assertion(&self, id: &str, signature: &str) -> String {
        let at =
            |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap();
        let values = |values: &[String]| -> String {
            values.iter().map(|value| format!("<AttributeValue>{value}</AttributeValue>")).collect()
        };
        let attributes: String = self
            .attributes
            .iter()
            .map(|(name, all)| format!(r#"<Attribute Name="{name}">{}</Attribute>"#, values(all)))
            .collect();
        format!(
            r#"<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{}">
            <Issuer>{}</Issuer>{signature}<Subject>
            <NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{}</NameID>
            <SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData
            NotOnOrAfter="{}" Recipient="{}"/></SubjectConfirmation></Subject><Conditions NotOnOrAfter="{}">
            <AudienceRestriction><Audience>{}</Audience></AudienceRestriction></Conditions>
            <AuthnStatement AuthnInstant="{}" SessionNotOnOrAfter="{}"/>
            <AttributeStatement>{attributes}</AttributeStatement></Assertion>"#,
            at(self.issued_at),
            self.issuer,
            self.subject,
            at(self.until),
            self.recipient,
            at(self.until),
            self.audience,
            at(self.issued_at),
            at(self.session_until),
        )
    }

    /// With a signature in the assertion, or in the response itself.
    fn response(&self, of_assertion: &str, of_response: &str) -> String {
        wrapped(&self.status, of_response, &self.assertion("a1", of_assertion))
    }
}

fn wrapped(status: &str, signature: &str, inside: &str) -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="r1" Version="2.0">{signature}
        <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>{inside}
        </samlp:Response>"#
    )
}

fn showing(response: &str) -> AssumeRoleWithSAMLRequest {
    AssumeRoleWithSAMLRequest {
        role_arn: ROLE.into(),
        principal_arn: PROVIDER.into(),
        saml_assertion: STANDARD.encode(response),
        ..Default::default()
    }
}

async fn ask(cloud: &TestCloud, response: &str) -> Result<AssumeRoleWithSAMLResponse, Error> {
    cloud.anonymous().call(op::AssumeRoleWithSAML, showing(response)).await
}

#[tokio::test]
async fn a_visitor_with_an_assertion_takes_a_role_on() {
    let (cloud, provider) = (cloud().await, Provider::new());
    let condition = r#","Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml","saml:sub":"kim",
        "saml:sub_type":"persistent","saml:iss":"https://id.example.com/metadata","saml:doc":"000000000000/id"},
        "ForAnyValue:StringEquals":{"saml:eduPersonAffiliation":"staff"}}"#;
    provider.register(&cloud, condition).await;
    let told = Told::new(&cloud).attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", &["member", "staff"]);
    let answer = ask(&cloud, &provider.response(&told)).await.unwrap();
    assert_eq!(answer.subject.as_deref(), Some("kim"));
    assert_eq!(answer.subject_type.as_deref(), Some("persistent"));
    assert_eq!(answer.issuer.as_deref(), Some(ENTITY));
    assert_eq!(answer.audience.as_deref(), Some("https://signin.aws.amazon.com/saml"));
    let session = with(&cloud, answer.credentials).await;
    let arn = "arn:aws:sts::000000000000:assumed-role/staff/kim@example.com";
    assert_eq!(who(&session).await.arn.as_deref(), Some(arn));
    make_queue(&session, "q").await.unwrap();
    // The response signed instead, or both.
    ask(&cloud, &provider.sign(&told.response("", &signature("r1")))).await.unwrap();
    // Without the attribute its key has no values.
    let (code, message) = refusal(ask(&cloud, &provider.response(&Told::new(&cloud))).await);
    assert_eq!(
        (code, message.as_str()),
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
    );
}

#[tokio::test]
async fn what_an_assertion_says_is_checked() {
    let (cloud, provider) = (cloud().await, Provider::new());
    provider.register(&cloud, "").await;
    let told = Told::new(&cloud);
    ask(&cloud, &provider.response(&told)).await.unwrap();
    let other_role = format!("{ROLE}2,{PROVIDER}");
    for (told, code) in [
        (Told { issuer: "https://other".into(), ..told.clone() }, "InvalidIdentityToken"),
        (Told { audience: "https://other".into(), ..told.clone() }, "InvalidIdentityToken"),
        (Told { recipient: "https://other/saml".into(), ..told.clone() }, "InvalidIdentityToken"),
        (Told { status: "AuthnFailed".into(), ..told.clone() }, "IDPRejectedClaim"),
        (Told { issued_at: told.issued_at - 300, ..told.clone() }, "ExpiredTokenException"),
        (Told { until: told.issued_at, ..told.clone() }, "ExpiredTokenException"),
        (Told { session_until: told.issued_at, ..told.clone() }, "ExpiredTokenException"),
        (Told { issued_at: told.issued_at + 301, ..told.clone() }, "InvalidIdentityToken"),
        (told.with("Role", &[&other_role]), "AccessDenied"),
        (told.with("RoleSessionName", &["a b"]), "InvalidIdentityToken"),
        (told.with("RoleSessionName", &[]), "InvalidIdentityToken"),
        (told.with("SourceIdentity", &["aws:x"]), "InvalidIdentityToken"),
        (told.with("PrincipalTag:team", &["a", "b"]), "InvalidIdentityToken"),
    ] {
        let (found, message) = refusal(ask(&cloud, &provider.response(&told)).await);
        assert_eq!(found, code, "{message}");
    }
    let elsewhere = AssumeRoleWithSAMLRequest {
        principal_arn: "arn:aws:iam::000000000000:saml-provider/none".into(),
        ..showing(&provider.response(&told))
    };
    let refused = refusal(cloud.anonymous().call(op::AssumeRoleWithSAML, elsewhere).await);
    assert_eq!(refused, ("InvalidIdentityToken", "Specified provider doesn't exist.".to_owned()));
    let long =
        AssumeRoleWithSAMLRequest { duration_seconds: Some(7_201), ..showing(&provider.response(&told)) };
    assert_eq!(refusal(cloud.anonymous().call(op::AssumeRoleWithSAML, long).await).0, "ValidationError");
}

#[tokio::test]
async fn nobody_elses_words_are_wrapped_in_a_signature() {
    let (cloud, provider) = (cloud().await, Provider::new());
    provider.register(&cloud, "").await;
    let told = Told::new(&cloud);
    let admin = Told { subject: "admin".into(), ..told.clone() };
    let signed = provider.response(&told);
    let start = signed.find("<Assertion").unwrap();
    let end = signed.find("</Assertion>").unwrap() + "</Assertion>".len();
    let original = &signed[start..end];
    let own_signature = {
        let from = original.find("<ds:Signature ").unwrap();
        let to = original.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        &original[from..to]
    };
    let bare = original.replace(own_signature, "");
    let in_object =
        own_signature.replace("</ds:Signature>", &format!("<ds:Object>{bare}</ds:Object></ds:Signature>"));
    let extensions = format!("<samlp:Extensions>{original}</samlp:Extensions>");
    let evil = admin.assertion("evil", "");
    let as_child = admin.assertion("evil", "").replace("</Assertion>", &format!("{original}</Assertion>"));
    for (what, inside) in [
        ("unsigned", told.assertion("a1", "")),
        ("altered", original.replace(">kim<", ">kin<")),
        ("another before", format!("{evil}{original}")),
        ("another behind", format!("{original}{evil}")),
        ("the signed one hidden", format!("{extensions}{evil}")),
        ("the signed one within", as_child),
        ("the signed one in the signature", admin.assertion("a1", &in_object)),
        ("a signature that covers another", admin.assertion("evil", &in_object)),
        ("an id twice", format!("{}{extensions}", admin.assertion("a1", own_signature))),
        ("two signatures", original.replace(own_signature, &format!("{own_signature}{own_signature}"))),
    ] {
        let (code, message) = refusal(ask(&cloud, &wrapped("Success", "", &inside)).await);
        assert_eq!(code, "InvalidIdentityToken", "{what}: {message}");
    }
    // A comment cuts nothing off what is read.
    let commented = Told { subject: "admin<!-- -->.kim".into(), ..told.clone() };
    let answer = ask(&cloud, &provider.response(&commented)).await.unwrap();
    assert_eq!(answer.subject.as_deref(), Some("admin.kim"));
}

#[tokio::test]
async fn only_the_providers_own_key_signs() {
    let (cloud, provider) = (cloud().await, Provider::new());
    provider.register(&cloud, "").await;
    let told = Told::new(&cloud);
    let impostor = Provider::new();
    let with_own_key = impostor.response(&told).replace(
        "</ds:SignatureValue>",
        &format!(
            "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
            impostor.certificate
        ),
    );
    for response in [
        impostor.response(&told),
        with_own_key,
        format!("<!DOCTYPE r [<!ENTITY e 'e'>]>{}", provider.response(&told)),
        provider.response(&told).replace("URI=\"#a1\"", "URI=\"\""),
        String::new(),
        "<a>".repeat(10_000),
    ] {
        let refused = ask(&cloud, &response).await;
        let (code, _) = refusal(refused);
        assert_eq!(code, "InvalidIdentityToken", "{}", &response[..response.len().min(60)]);
    }
    let garbled = AssumeRoleWithSAMLRequest { saml_assertion: "not base64!".into(), ..showing("") };
    let refused = cloud.anonymous().call(op::AssumeRoleWithSAML, garbled).await;
    assert_eq!(refusal(refused).0, "InvalidIdentityToken");
}

#[tokio::test]
async fn the_session_is_the_assertions() {
    let (cloud, provider) = (cloud().await, Provider::new());
    provider.register(&cloud, "").await;
    let more = r#""Resource":"arn:aws:sqs:*:*:${aws:PrincipalTag/team}","Condition":{"StringEquals":{
        "aws:SourceIdentity":"kim","saml:sub":"kim","aws:FederatedProvider":"arn:aws:iam::000000000000:saml-provider/id"}}"#;
    put_role_policy(&cloud, "staff", &allow(r#""sqs:*""#, more)).await;
    let told = Told::new(&cloud).with("PrincipalTag:team", &["red"]).with("SourceIdentity", &["kim"]);
    let told = Told { session_until: told.issued_at + 60, ..told.with("TransitiveTagKeys", &["team"]) };
    let answer = ask(&cloud, &provider.response(&told)).await.unwrap();
    assert_eq!(answer.source_identity.as_deref(), Some("kim"));
    let credentials = answer.credentials.unwrap();
    // The provider wants it to end before the hour that roles' sessions last.
    assert_eq!(credentials.expiration.as_millis() / 1_000, told.issued_at + 60);
    let session = with(&cloud, Some(credentials.clone())).await;
    make_queue(&session, "red").await.unwrap();
    assert_eq!(refusal(make_queue(&session, "blue").await).0, "AccessDenied");
    cloud.advance(60_000);
    let ended = cloud.signed_with(&credentials.access_key_id, Some(&credentials.session_token)).await;
    assert!(ended.is_err());
}

#[tokio::test]
async fn no_byte_of_what_is_read_can_be_changed() {
    let (cloud, provider) = (cloud().await, Provider::new());
    let certificates = [STANDARD.decode(&provider.certificate).unwrap()];
    let signed = provider.response(&Told::new(&cloud));
    let read = |bytes: &[u8]| sts::rules::saml_response::read(&STANDARD.encode(bytes), &certificates).ok();
    let good = read(signed.as_bytes()).unwrap();
    for (at, change) in (0..signed.len()).step_by(3).flat_map(|at| [(at, 0x01), (at, 0x20)]) {
        let mut changed = signed.clone().into_bytes();
        changed[at] ^= change;
        // White space outside of what is signed, and the like, changes nothing that is read.
        if let Some(told) = read(&changed) {
            assert_eq!(told, good, "byte {at}");
        }
    }
}
