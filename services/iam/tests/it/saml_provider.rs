//! SAML providers.

use crate::*;

fn metadata(entity: &str) -> String {
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
        <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
        <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
        <X509Certificate>MAA=</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
        <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://id"/>
        </IDPSSODescriptor><!-- {} --></EntityDescriptor>"#,
        "x".repeat(1_000)
    )
}

#[tokio::test]
async fn a_provider_is_made_changed_and_deleted() {
    let cloud = cloud().await;
    let create = |document: String| CreateSAMLProviderRequest {
        name: "corp".into(),
        saml_metadata_document: document,
        tags: Some(vec![tag("a", "1")]),
        ..Default::default()
    };
    let made = cloud.call(op::CreateSAMLProvider, create(metadata("one"))).await.unwrap();
    let arn = made.saml_provider_arn.unwrap();
    assert_eq!(arn, "arn:aws:iam::000000000000:saml-provider/corp");
    assert_eq!(
        refusal(cloud.call(op::CreateSAMLProvider, create(metadata("x"))).await).0,
        "EntityAlreadyExists"
    );
    let update = |document: &str| UpdateSAMLProviderRequest {
        saml_provider_arn: arn.clone(),
        saml_metadata_document: Some(document.into()),
        ..Default::default()
    };
    let bad = refusal(cloud.call(op::UpdateSAMLProvider, update(&"<a/>".repeat(300))).await);
    assert_eq!(bad, ("InvalidInput", "Could not parse metadata".into()));
    cloud.call(op::UpdateSAMLProvider, update(&metadata("two"))).await.unwrap();
    let get = || GetSAMLProviderRequest { saml_provider_arn: arn.clone() };
    let shown = cloud.call(op::GetSAMLProvider, get()).await.unwrap();
    assert!(shown.saml_metadata_document.unwrap().contains("two"));
    assert_eq!(shown.tags.unwrap().len(), 1);
    let delete = DeleteSAMLProviderRequest { saml_provider_arn: arn.clone() };
    cloud.call(op::DeleteSAMLProvider, delete).await.unwrap();
    assert_eq!(refusal(cloud.call(op::GetSAMLProvider, get()).await).0, "NoSuchEntity");
}
