//! Data keys and pairs.

use api_kms::*;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::*;

#[tokio::test]
async fn a_data_key_is_what_its_ciphertext_holds() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let input = |key_spec: Option<&str>, number_of_bytes| GenerateDataKeyRequest {
        key_id: id.clone(),
        key_spec: key_spec.map(Into::into),
        number_of_bytes,
        encryption_context: Some(map(&[("a", "1")])),
        ..Default::default()
    };
    for (spec, bytes, length) in
        [(Some("AES_128"), None, 16), (Some("AES_256"), None, 32), (None, Some(77), 77)]
    {
        let made = cloud.call(op::GenerateDataKey, input(spec, bytes)).await.unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.len(), length);
        let opened = decrypt_in(&cloud, &made.ciphertext_blob.unwrap(), &[("a", "1")]).await.unwrap();
        assert_eq!(opened, plaintext.to_vec());
    }
    for (spec, bytes) in [(None, None), (Some("AES_128"), Some(16))] {
        let refused = refusal(cloud.call(op::GenerateDataKey, input(spec, bytes)).await);
        assert_eq!(refused.1, "Please specify either number of bytes or key spec.");
    }
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: id.clone(),
        key_spec: Some("AES_256".into()),
        ..Default::default()
    };
    let made = cloud.call(op::GenerateDataKeyWithoutPlaintext, input).await.unwrap();
    assert_eq!(decrypt(&cloud, &made.ciphertext_blob.unwrap()).await.unwrap().len(), 32);
    let rsa = make_of(&cloud, "RSA_2048", "ENCRYPT_DECRYPT").await;
    let input =
        GenerateDataKeyRequest { key_id: rsa, key_spec: Some("AES_256".into()), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::GenerateDataKey, input).await).0, "InvalidKeyUsageException");
}

#[tokio::test]
async fn a_data_key_pair_belongs_together() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let input = GenerateDataKeyPairRequest {
        key_id: id.clone(),
        key_pair_spec: "ECC_NIST_P256".into(),
        ..Default::default()
    };
    let made = cloud.call(op::GenerateDataKeyPair, input).await.unwrap();
    let private = made.private_key_plaintext.unwrap();
    assert_eq!(decrypt(&cloud, &made.private_key_ciphertext_blob.unwrap()).await.unwrap(), private.to_vec());
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    assert_eq!(public.as_ref(), &made.public_key.unwrap()[..]);
    let input = GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: id,
        key_pair_spec: "RSA_2048".into(),
        ..Default::default()
    };
    let made = cloud.call(op::GenerateDataKeyPairWithoutPlaintext, input).await.unwrap();
    assert!(decrypt(&cloud, &made.private_key_ciphertext_blob.unwrap()).await.unwrap().len() > 1_000);
}
