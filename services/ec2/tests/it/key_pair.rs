//! Key pairs.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud};

async fn create(cloud: &Cloud, name: &str, key_type: &str) -> kernel::Result<api::KeyPair> {
    let request = api::CreateKeyPairRequest {
        key_name: name.to_owned(),
        key_type: Some(key_type.to_owned()),
        ..Default::default()
    };
    cloud.call(op::CreateKeyPair, request).await
}

#[tokio::test]
async fn pairs_are_made_once_described_and_deleted() {
    let cloud = cloud().await;
    let made = create(&cloud, "a", "ed25519").await.unwrap();
    assert!(made.key_material.unwrap().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    assert_eq!(create(&cloud, "a", "rsa").await.unwrap_err().code(), "InvalidKeyPair.Duplicate");
    assert_eq!(create(&cloud, "b", "dsa").await.unwrap_err().code(), "InvalidParameterValue");
    create(&cloud, "b", "rsa").await.unwrap();
    let request = api::DescribeKeyPairsRequest { include_public_key: Some(true), ..Default::default() };
    let pairs = cloud.call(op::DescribeKeyPairs, request).await.unwrap().key_pairs.unwrap();
    let names: Vec<_> = pairs.iter().map(|pair| pair.key_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(pairs[0].public_key.as_ref().unwrap().starts_with("ssh-ed25519 "));
    assert!(pairs[1].public_key.as_ref().unwrap().starts_with("ssh-rsa "));
    for _ in 0..2 {
        let request = api::DeleteKeyPairRequest { key_name: Some("a".to_owned()), ..Default::default() };
        assert_eq!(cloud.call(op::DeleteKeyPair, request).await.unwrap().r#return, Some(true));
    }
    let request =
        api::DescribeKeyPairsRequest { key_names: Some(vec!["a".to_owned()]), ..Default::default() };
    let error = cloud.call(op::DescribeKeyPairs, request).await.err().unwrap();
    assert_eq!(error.code(), "InvalidKeyPair.NotFound");
}

#[tokio::test]
async fn public_keys_are_imported_with_the_fingerprints_of_aws() {
    let cloud = cloud().await;
    let import = async |name: &str, material: &str| {
        let request = api::ImportKeyPairRequest {
            key_name: name.to_owned(),
            public_key_material: material.as_bytes().to_vec().into(),
            ..Default::default()
        };
        cloud.call(op::ImportKeyPair, request).await
    };
    // Made with ssh-keygen; the fingerprint is what `ssh-keygen -l` shows, with padding.
    let line = include_str!("key/ed25519.pub");
    let imported = import("e", line).await.unwrap();
    assert_eq!(imported.key_fingerprint.as_deref(), Some(include_str!("key/ed25519.fingerprint").trim()));
    // `openssl rsa -pubin -outform DER | openssl md5 -c`
    let imported = import("r", include_str!("key/rsa.pub")).await.unwrap();
    assert_eq!(imported.key_fingerprint.as_deref(), Some(include_str!("key/rsa.fingerprint").trim()));
    assert_eq!(import("x", "no key").await.unwrap_err().code(), "InvalidKey.Format");
}
