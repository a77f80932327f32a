//! Certificates of servers.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::*;

/// A certificate and its key, and the certificate of who signed it.
fn certificate() -> (String, String, String) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own =
        CertificateParams::new(vec!["www.example.com".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    (own.pem(), key.serialize_pem(), issuer.pem())
}

#[tokio::test]
async fn a_certificate_must_fit_its_key_and_chain() {
    let cloud = cloud().await;
    let (own, key, chain) = certificate();
    let (other, other_key, _) = certificate();
    let upload = |body: &str, key: &str, chain: Option<&str>| UploadServerCertificateRequest {
        server_certificate_name: "web".into(),
        certificate_body: body.into(),
        private_key: key.into(),
        certificate_chain: chain.map(str::to_owned),
        ..Default::default()
    };
    for (input, code) in [
        (upload(&own, &other_key, None), "KeyPairMismatch"),
        (upload("nonsense", &key, None), "MalformedCertificate"),
        (upload(&own, "nonsense", None), "MalformedCertificate"),
        (upload(&own, &key, Some(&other)), "MalformedCertificate"),
        (upload(&own, &key, Some("nonsense")), "MalformedCertificate"),
    ] {
        assert_eq!(refusal(cloud.call(op::UploadServerCertificate, input).await).0, code);
    }
    let good = || upload(&own, &key, Some(&chain));
    let made = cloud.call(op::UploadServerCertificate, good()).await.unwrap();
    let made = made.server_certificate_metadata.unwrap();
    assert_eq!(made.arn, "arn:aws:iam::000000000000:server-certificate/web");
    assert!(made.server_certificate_id.starts_with("ASCA"));
    assert_eq!(refusal(cloud.call(op::UploadServerCertificate, good()).await).0, "EntityAlreadyExists");
    let update = UpdateServerCertificateRequest {
        server_certificate_name: "web".into(),
        new_path: Some("/edge/".into()),
        new_server_certificate_name: Some("www".into()),
    };
    cloud.call(op::UpdateServerCertificate, update).await.unwrap();
    let get = |name: &str| GetServerCertificateRequest { server_certificate_name: name.into() };
    let shown = cloud.call(op::GetServerCertificate, get("www")).await.unwrap().server_certificate;
    assert_eq!((shown.certificate_body, shown.certificate_chain), (own.clone(), Some(chain.clone())));
    assert!(shown.server_certificate_metadata.arn.ends_with("/edge/www"));
    let list = ListServerCertificatesRequest { path_prefix: Some("/edge/".into()), ..Default::default() };
    let listed = cloud.call(op::ListServerCertificates, list).await.unwrap();
    assert_eq!(listed.server_certificate_metadata_list.len(), 1);
    let delete = || DeleteServerCertificateRequest { server_certificate_name: "www".into() };
    let tell = async |certificates: &[&str]| {
        let detail = serde_json::json!({ "resource": "arn:listener", "certificates": certificates });
        let (source, kind) = ("aws.elasticloadbalancing", "Load Balancer Certificates");
        let ctx = cloud.ctx("iam");
        let event = kernel::Event::new(&ctx, source, kind, Vec::new(), detail);
        ctx.write(|tx| tx.publish(&event.clone().in_private())).await.unwrap();
    };
    tell(&["arn:aws:iam::000000000000:server-certificate/edge/www"]).await;
    let again = || UploadServerCertificateRequest {
        path: Some("/edge/".into()),
        server_certificate_name: "www".into(),
        ..good()
    };
    let held = async || match cloud.call(op::DeleteServerCertificate, delete()).await {
        Ok(_) => {
            // Not heard of yet: once more.
            cloud.call(op::UploadServerCertificate, again()).await.unwrap();
            None
        }
        Err(error) => (error.query_code() == "DeleteConflict").then_some(()),
    };
    cloud.eventually("it is in use", held).await;
    cloud.advance(1);
    tell(&[]).await;
    let deleted = async || cloud.call(op::DeleteServerCertificate, delete()).await.ok();
    cloud.eventually("nobody uses it", deleted).await;
    assert_eq!(refusal(cloud.call(op::GetServerCertificate, get("www")).await).0, "NoSuchEntity");
}
