//! Certificates on a whole house, with an authority of the test's own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::sync::Arc;

use api_acm::*;
use kernel::testing::TestCloud;
use kernel::{Issuer, KeySealer, KeyedCertificate, Millis, Plugs, Result, Sealer};
use rcgen::{CertificateParams, KeyPair};

/// Signs for itself.
struct SelfSigned;

fn signed(names: &[String]) -> KeyedCertificate {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names.to_vec()).unwrap().self_signed(&key).unwrap();
    KeyedCertificate { chain: certificate.pem(), key: key.serialize_pem() }
}

impl Issuer for SelfSigned {
    fn issue(&self, names: &[String], _: Millis) -> Result<KeyedCertificate> {
        Ok(signed(names))
    }
}

async fn cloud() -> TestCloud {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[1; 32]).unwrap());
    let issuer: Arc<dyn Issuer> = Arc::new(SelfSigned);
    TestCloud::new(vec![acm::service(&Plugs::default().with(sealer).with(issuer))]).await
}

#[tokio::test]
async fn every_operation_of_the_list_is_declared() {
    let cloud = cloud().await;
    let issuer: Arc<dyn Issuer> = Arc::new(SelfSigned);
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[1; 32]).unwrap());
    let service = acm::service(&Plugs::default().with(sealer).with(issuer));
    let declared: Vec<_> = service.declared().collect();
    assert_eq!(declared, SERVICE.ops.iter().map(|op| op.name).collect::<Vec<_>>());
    assert!(cloud.house.services().any(|def| def.name == "acm"));
}

#[tokio::test]
async fn a_certificate_is_asked_for_shown_and_handed_out_with_its_key() {
    let cloud = cloud().await;
    let request = || RequestCertificateRequest {
        domain_name: "example.com".into(),
        subject_alternative_names: Some(vec!["*.example.com".into()]),
        idempotency_token: Some("once".into()),
        ..Default::default()
    };
    let arn = cloud.call(op::RequestCertificate, request()).await.unwrap().certificate_arn.unwrap();
    let again = cloud.call(op::RequestCertificate, request()).await.unwrap().certificate_arn.unwrap();
    assert_eq!(arn, again);
    let describe = DescribeCertificateRequest { certificate_arn: arn.clone() };
    let shown = cloud.call(op::DescribeCertificate, describe).await.unwrap().certificate.unwrap();
    assert_eq!(shown.status.as_deref(), Some("ISSUED"));
    assert_eq!(shown.subject_alternative_names.unwrap(), ["example.com", "*.example.com"]);
    let keyed = cloud.ctx("acm").certificate(arn.parse().unwrap()).await.unwrap().unwrap();
    assert!(keyed.key.contains("PRIVATE KEY"));
    let others = cloud.as_account("111111111111");
    assert!(others.ctx("acm").certificate(arn.parse().unwrap()).await.unwrap().is_none());
    let delete = DeleteCertificateRequest { certificate_arn: arn.clone() };
    cloud.call(op::DeleteCertificate, delete).await.unwrap();
    let describe = DescribeCertificateRequest { certificate_arn: arn };
    let gone = cloud.call(op::DescribeCertificate, describe).await.unwrap_err();
    assert_eq!(gone.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn what_is_imported_fits_together() {
    let cloud = cloud().await;
    let (one, other) = (signed(&["a.example.com".into()]), signed(&["b.example.com".into()]));
    let import = |key: &str| ImportCertificateRequest {
        certificate: one.chain.clone().into(),
        private_key: key.to_owned().into(),
        ..Default::default()
    };
    let refused = cloud.call(op::ImportCertificate, import(&other.key)).await.unwrap_err();
    assert_eq!(refused.message(), "The private key does not match the certificate.");
    let arn = cloud.call(op::ImportCertificate, import(&one.key)).await.unwrap().certificate_arn.unwrap();
    let tag = |value: Option<&str>| Tag { key: "k".into(), value: value.map(str::to_owned) };
    let add = AddTagsToCertificateRequest { certificate_arn: arn.clone(), tags: vec![tag(Some("v"))] };
    cloud.call(op::AddTagsToCertificate, add).await.unwrap();
    let remove =
        RemoveTagsFromCertificateRequest { certificate_arn: arn.clone(), tags: vec![tag(Some("w"))] };
    cloud.call(op::RemoveTagsFromCertificate, remove).await.unwrap();
    let list = ListTagsForCertificateRequest { certificate_arn: arn.clone() };
    let tags = cloud.call(op::ListTagsForCertificate, list).await.unwrap().tags.unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref())).collect();
    assert_eq!(tags, [("k", Some("v"))]);
    let listed = cloud.call(op::ListCertificates, ListCertificatesRequest::default()).await.unwrap();
    let listed = listed.certificate_summary_list.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].r#type.as_deref(), Some("IMPORTED"));
    assert_eq!(listed[0].key_algorithm.as_deref(), Some("EC_prime256v1"));
    let get = GetCertificateRequest { certificate_arn: arn };
    assert_eq!(cloud.call(op::GetCertificate, get).await.unwrap().certificate.unwrap(), one.chain);
}

#[tokio::test]
async fn a_certificate_in_use_is_shown_with_its_users_and_stays() {
    let cloud = cloud().await;
    let request = RequestCertificateRequest { domain_name: "example.com".into(), ..Default::default() };
    let arn = cloud.call(op::RequestCertificate, request).await.unwrap().certificate_arn.unwrap();
    let users = async || {
        let describe = DescribeCertificateRequest { certificate_arn: arn.clone() };
        cloud.call(op::DescribeCertificate, describe).await.unwrap().certificate.unwrap().in_use_by.unwrap()
    };
    let tell = async |certificates: &[&str]| {
        let detail = serde_json::json!({ "resource": "arn:user", "certificates": certificates });
        let ctx = cloud.ctx("acm");
        let event = kernel::Event::new(
            &ctx,
            "aws.elasticloadbalancing",
            "Load Balancer Certificates",
            Vec::new(),
            detail,
        );
        ctx.write(|tx| tx.publish(&event.clone().in_private())).await.unwrap();
    };
    let delete = async || {
        let input = DeleteCertificateRequest { certificate_arn: arn.clone() };
        cloud.call(op::DeleteCertificate, input).await
    };
    tell(&[&arn]).await;
    let told = async || (users().await == ["arn:user"]).then_some(());
    cloud.eventually("the user is shown", told).await;
    assert_eq!(delete().await.unwrap_err().code(), "ResourceInUseException");
    let listed = cloud.call(op::ListCertificates, ListCertificatesRequest::default()).await.unwrap();
    assert_eq!(listed.certificate_summary_list.unwrap()[0].in_use, Some(true));
    cloud.advance(1);
    tell(&[]).await;
    cloud.eventually("nobody uses it", async || users().await.is_empty().then_some(())).await;
    delete().await.unwrap();
}
