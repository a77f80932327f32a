//! OpenID Connect providers.

use crate::*;

#[tokio::test]
async fn a_provider_is_made_changed_and_deleted() {
    let cloud = cloud().await;
    let create = |url: &str| CreateOpenIDConnectProviderRequest {
        url: url.into(),
        client_id_list: Some(vec!["a".into()]),
        ..Default::default()
    };
    let made = cloud.call(op::CreateOpenIDConnectProvider, create("https://id.example.com/x")).await.unwrap();
    let arn = made.open_id_connect_provider_arn.unwrap();
    assert_eq!(arn, "arn:aws:iam::000000000000:oidc-provider/id.example.com/x");
    let again =
        refusal(cloud.call(op::CreateOpenIDConnectProvider, create("https://id.example.com/x")).await);
    assert_eq!(again.1, "Provider with url https://id.example.com/x already exists.");
    let bad = refusal(cloud.call(op::CreateOpenIDConnectProvider, create("id.example.com")).await);
    assert_eq!(bad, ("ValidationError", "Invalid Open ID Connect Provider URL".into()));
    let add = AddClientIDToOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: arn.clone(),
        client_id: "b".into(),
    };
    cloud.call(op::AddClientIDToOpenIDConnectProvider, add).await.unwrap();
    let get = || GetOpenIDConnectProviderRequest { open_id_connect_provider_arn: arn.clone() };
    let shown = cloud.call(op::GetOpenIDConnectProvider, get()).await.unwrap();
    assert_eq!((shown.url.as_deref(), shown.client_id_list.unwrap().len()), (Some("id.example.com/x"), 2));
    let delete = || DeleteOpenIDConnectProviderRequest { open_id_connect_provider_arn: arn.clone() };
    cloud.call(op::DeleteOpenIDConnectProvider, delete()).await.unwrap();
    let gone = refusal(cloud.call(op::GetOpenIDConnectProvider, get()).await).1;
    assert_eq!(gone, format!("OpenIDConnect Provider not found for arn {arn}"));
    let gone = refusal(cloud.call(op::DeleteOpenIDConnectProvider, delete()).await).1;
    assert_eq!(gone, format!("OpenId connect Provider {arn} cannot be found."));
}
