//! Signatures and message authentication codes.

use api_kms::*;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::*;

#[tokio::test]
async fn signatures_verify_here_and_with_the_public_key_alone() {
    let cloud = cloud().await;
    let cases: [(&str, &str, &'static dyn VerificationAlgorithm); 2] = [
        ("RSA_2048", "RSASSA_PSS_SHA_256", &RSA_PSS_2048_8192_SHA256),
        ("ECC_NIST_P256", "ECDSA_SHA_256", &ECDSA_P256_SHA256_ASN1),
    ];
    for (spec, algorithm, verifier) in cases {
        let id = make_of(&cloud, spec, "SIGN_VERIFY").await;
        let hashed = digest::digest(&digest::SHA256, b"message").as_ref().to_vec();
        let input = |message: &[u8], kind: &str| SignRequest {
            key_id: id.clone(),
            message: message.to_vec().into(),
            message_type: Some(kind.into()),
            signing_algorithm: algorithm.into(),
            ..Default::default()
        };
        let signed = cloud.call(op::Sign, input(&hashed, "DIGEST")).await.unwrap().signature.unwrap();
        let input_of = GetPublicKeyRequest { key_id: id.clone(), ..Default::default() };
        let public = cloud.call(op::GetPublicKey, input_of).await.unwrap().public_key.unwrap();
        UnparsedPublicKey::new(verifier, &public[..]).verify(b"message", &signed).unwrap();
        let verify = |message: &[u8], signature: &[u8]| VerifyRequest {
            key_id: id.clone(),
            message: message.to_vec().into(),
            signature: signature.to_vec().into(),
            signing_algorithm: algorithm.into(),
            ..Default::default()
        };
        assert_eq!(
            cloud.call(op::Verify, verify(b"message", &signed)).await.unwrap().signature_valid,
            Some(true)
        );
        for (message, signature) in [(&b"other"[..], &signed[..]), (b"message", b"bad")] {
            let refused = refusal(cloud.call(op::Verify, verify(message, signature)).await);
            assert_eq!(refused, ("KMSInvalidSignatureException", String::new()));
        }
        let refused = refusal(cloud.call(op::Sign, input(b"short", "DIGEST")).await);
        assert_eq!(refused.1, format!("Digest is invalid length for algorithm {algorithm}."));
        let wrong = SignRequest { signing_algorithm: "ECDSA_SHA_512".into(), ..input(b"x", "RAW") };
        assert_eq!(refusal(cloud.call(op::Sign, wrong).await).0, "InvalidKeyUsageException");
    }
}

#[tokio::test]
async fn only_asymmetric_keys_have_a_public_half() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let input = GetPublicKeyRequest { key_id: id, ..Default::default() };
    assert_eq!(refusal(cloud.call(op::GetPublicKey, input).await).0, "UnsupportedOperationException");
}

#[tokio::test]
async fn codes_verify_and_others_do_not() {
    let cloud = cloud().await;
    for bits in ["224", "256", "384", "512"] {
        let id = make_of(&cloud, &format!("HMAC_{bits}"), "GENERATE_VERIFY_MAC").await;
        let algorithm = format!("HMAC_SHA_{bits}");
        let input = GenerateMacRequest {
            key_id: id.clone(),
            message: b"message".to_vec().into(),
            mac_algorithm: algorithm.clone(),
            ..Default::default()
        };
        let mac = cloud.call(op::GenerateMac, input.clone()).await.unwrap().mac.unwrap();
        assert_eq!(mac.len() * 8, bits.parse::<usize>().unwrap());
        let verify = |message: &[u8]| VerifyMacRequest {
            key_id: id.clone(),
            message: message.to_vec().into(),
            mac: mac.clone(),
            mac_algorithm: algorithm.clone(),
            ..Default::default()
        };
        assert_eq!(cloud.call(op::VerifyMac, verify(b"message")).await.unwrap().mac_valid, Some(true));
        let refused = refusal(cloud.call(op::VerifyMac, verify(b"other")).await);
        assert_eq!(refused, ("KMSInvalidMacException", String::new()));
    }
    let id = make_of(&cloud, "HMAC_224", "GENERATE_VERIFY_MAC").await;
    let input = GenerateMacRequest {
        key_id: id,
        message: b"x".to_vec().into(),
        mac_algorithm: "HMAC_SHA_256".into(),
        ..Default::default()
    };
    let message = "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.";
    let refused = refusal(cloud.call(op::GenerateMac, input).await);
    assert_eq!(refused, ("InvalidKeyUsageException", message.to_owned()));
}
