//! Roles taken on with the token of a provider, which here is a small server of the test.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::*;

const CLIENT: &str = "app";

/// An identity provider on loopback.
struct Provider {
    issuer: String,
    thumbprint: String,
    key: KeyPair,
}

impl Provider {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, cert.der());
        let thumbprint = sha1.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let key = KeyPair::generate().unwrap();
        let point = key.public_key_raw();
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])}]});
        let configuration = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let tls = rustls::ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], private)
            .unwrap();
        #[allow(clippy::disallowed_methods, reason = "a server outside of the house")]
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), configuration, jwks));
        Self { issuer, thumbprint, key }
    }

    fn name(&self) -> &str {
        self.issuer.strip_prefix("https://").unwrap()
    }

    /// Registers it in the account, and makes a role for one subject of it.
    async fn register(&self, cloud: &TestCloud, subject: &str) -> String {
        let new = iam_api::CreateOpenIDConnectProviderRequest {
            url: self.issuer.clone(),
            client_id_list: Some(vec![CLIENT.into()]),
            thumbprint_list: Some(vec![self.thumbprint.clone()]),
            ..Default::default()
        };
        let made = cloud.call(iam_api::op::CreateOpenIDConnectProvider, new).await.unwrap();
        let arn = made.open_id_connect_provider_arn.unwrap();
        let name = self.name();
        let more = format!(
            r#""Principal":{{"Federated":"{arn}"}},"Condition":{{"StringEquals":{{"{name}:sub":"{subject}","{name}:aud":"{CLIENT}"}}}}"#
        );
        let trust = allow(r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession"]"#, &more);
        make_role(cloud, "web", &trust).await
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    fn claims(&self, cloud: &TestCloud) -> Value {
        let now = cloud.now() / 1_000;
        json!({"iss": self.issuer, "sub": "visitor", "aud": CLIENT, "iat": now, "exp": now + 600})
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, configuration: Value, jwks: Value) {
    while let Ok((tcp, _)) = listener.accept().await {
        let Ok(mut stream) = tls.accept(tcp).await else { continue };
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut more = [0; 1_024];
            let read = stream.read(&mut more).await.unwrap();
            assert!(read > 0);
            asked.extend_from_slice(&more[..read]);
        }
        let body = match asked.starts_with(b"GET /keys ") {
            true => &jwks,
            false => &configuration,
        };
        let body = body.to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

fn showing(role: &str, token: String) -> AssumeRoleWithWebIdentityRequest {
    AssumeRoleWithWebIdentityRequest {
        role_arn: role.into(),
        role_session_name: "visit".into(),
        web_identity_token: token,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_visitor_with_a_providers_token_takes_a_role_on() {
    let (cloud, provider) = (cloud().await, Provider::start().await);
    let role = provider.register(&cloud, "visitor").await;
    let nobody = cloud.anonymous();
    let call = async |token| nobody.call(op::AssumeRoleWithWebIdentity, showing(&role, token)).await;
    let answer = call(provider.sign("one", &provider.claims(&cloud))).await.unwrap();
    assert_eq!(answer.subject_from_web_identity_token.as_deref(), Some("visitor"));
    assert_eq!(answer.audience.as_deref(), Some(CLIENT));
    assert_eq!(answer.provider, Some(format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", provider.name())));
    let session = with(&cloud, answer.credentials).await;
    assert_eq!(who(&session).await.arn.as_deref(), Some("arn:aws:sts::000000000000:assumed-role/web/visit"));
    make_queue(&session, "q").await.unwrap();

    let wrong = |name: &str, value: Value| {
        let mut claims = provider.claims(&cloud);
        claims[name] = value;
        provider.sign("one", &claims)
    };
    for (token, code) in [
        (wrong("sub", json!("another")), "AccessDenied"),
        (wrong("aud", json!("other")), "InvalidIdentityToken"),
        (wrong("exp", json!(cloud.now() / 1_000)), "ExpiredTokenException"),
        (wrong("iss", json!("https://localhost:1")), "InvalidIdentityToken"),
        (provider.sign("two", &provider.claims(&cloud)), "InvalidIdentityToken"),
        (
            Provider { key: KeyPair::generate().unwrap(), ..Provider::start().await }
                .sign("one", &provider.claims(&cloud)),
            "InvalidIdentityToken",
        ),
        ("nonsense".to_owned(), "InvalidIdentityToken"),
    ] {
        let (found, message) = refusal(call(token).await);
        assert_eq!(found, code, "{message}");
    }
}

#[tokio::test]
async fn tags_of_a_token_are_the_sessions() {
    let (cloud, provider) = (cloud().await, Provider::start().await);
    let role = provider.register(&cloud, "visitor").await;
    put_role_policy(
        &cloud,
        "web",
        &allow(r#""sqs:*""#, r#""Resource":"arn:aws:sqs:*:*:${aws:PrincipalTag/team}""#),
    )
    .await;
    let mut claims = provider.claims(&cloud);
    claims["https://aws.amazon.com/tags"] = json!({"principal_tags": {"team": ["red"]}});
    let token = provider.sign("one", &claims);
    let answer = cloud.anonymous().call(op::AssumeRoleWithWebIdentity, showing(&role, token)).await.unwrap();
    let session = with(&cloud, answer.credentials).await;
    make_queue(&session, "red").await.unwrap();
    assert_eq!(refusal(make_queue(&session, "blue").await).0, "AccessDenied");
}

#[tokio::test]
async fn a_provider_with_another_certificate_is_not_believed() {
    let (cloud, provider) = (cloud().await, Provider::start().await);
    let token = provider.sign("one", &provider.claims(&cloud));
    let impostor = Provider { thumbprint: "00".repeat(20), ..provider };
    let role = impostor.register(&cloud, "visitor").await;
    let refused = refusal(cloud.anonymous().call(op::AssumeRoleWithWebIdentity, showing(&role, token)).await);
    assert_eq!(refused.0, "InvalidIdentityToken");
    assert!(refused.1.starts_with("Couldn't retrieve verification key"), "{}", refused.1);
}
