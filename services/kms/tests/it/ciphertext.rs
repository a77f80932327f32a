//! Encrypting and decrypting.

use api_kms::*;

use crate::*;

#[tokio::test]
async fn a_ciphertext_opens_in_its_context_whatever_the_order() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let blob = encrypt_in(&cloud, &id, b"secret", &[("a", "1"), ("b", "2")]).await.unwrap();
    assert_eq!(decrypt_in(&cloud, &blob, &[("b", "2"), ("a", "1")]).await.unwrap(), b"secret");
    for wrong in [&[][..], &[("a", "1")], &[("a", "2"), ("b", "1")]] {
        let refused = refusal(decrypt_in(&cloud, &blob, wrong).await);
        assert_eq!(refused, ("InvalidCiphertextException", String::new()));
    }
    let again = encrypt_in(&cloud, &id, b"secret", &[("a", "1"), ("b", "2")]).await.unwrap();
    assert_ne!(blob, again);
    assert_eq!(refusal(decrypt(&cloud, b"nonsense").await).0, "InvalidCiphertextException");
    let elsewhere = cloud.in_region("eu-west-1");
    assert_eq!(refusal(decrypt(&elsewhere, &blob).await).0, "AccessDeniedException");
    let stranger = cloud.as_account("111111111111");
    assert_eq!(refusal(decrypt(&stranger, &blob).await).0, "AccessDeniedException");
}

#[tokio::test]
async fn a_key_named_must_be_the_right_one() {
    let cloud = cloud().await;
    let (right, wrong) = (make(&cloud).await, make(&cloud).await);
    let mac = make_of(&cloud, "HMAC_256", "GENERATE_VERIFY_MAC").await;
    let blob = encrypt(&cloud, &right, b"x").await.unwrap();
    let with = |key_id: &str| DecryptRequest {
        ciphertext_blob: Some(blob.clone().into()),
        key_id: Some(key_id.into()),
        ..Default::default()
    };
    cloud.call(op::Decrypt, with(&right)).await.unwrap();
    for key_id in [&wrong, &mac] {
        assert_eq!(refusal(cloud.call(op::Decrypt, with(key_id)).await).0, "IncorrectKeyException");
    }
    let usage = format!(
        "arn:aws:kms:us-east-1:000000000000:key/{mac} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt."
    );
    assert_eq!(refusal(encrypt(&cloud, &mac, b"x").await), ("InvalidKeyUsageException", usage));
    let dry = DecryptRequest { dry_run: Some(true), ..with(&right) };
    assert_eq!(refusal(cloud.call(op::Decrypt, dry).await).0, "DryRunOperationException");
}

#[tokio::test]
async fn rsa_keys_encrypt_by_oaep_within_bounds() {
    let cloud = cloud().await;
    let id = make_of(&cloud, "RSA_2048", "ENCRYPT_DECRYPT").await;
    for (algorithm, bytes_max) in [("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)] {
        let input = |length: usize| EncryptRequest {
            key_id: id.clone(),
            plaintext: vec![7; length].into(),
            encryption_algorithm: Some(algorithm.into()),
            ..Default::default()
        };
        let sealed = cloud.call(op::Encrypt, input(bytes_max)).await.unwrap();
        let open = DecryptRequest {
            ciphertext_blob: sealed.ciphertext_blob,
            key_id: Some(id.clone()),
            encryption_algorithm: Some(algorithm.into()),
            ..Default::default()
        };
        let opened = cloud.call(op::Decrypt, open.clone()).await.unwrap();
        assert_eq!(opened.plaintext.unwrap().to_vec(), vec![7; bytes_max]);
        let altered = DecryptRequest { ciphertext_blob: Some(vec![1; 256].into()), ..open };
        assert_eq!(refusal(cloud.call(op::Decrypt, altered).await).0, "InvalidCiphertextException");
        let message = format!(
            "Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {bytes_max} bytes."
        );
        let refused = refusal(cloud.call(op::Encrypt, input(bytes_max + 1)).await);
        assert_eq!(refused, ("ValidationException", message));
    }
    let refused = refusal(encrypt(&cloud, &id, b"x").await);
    let message = "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.";
    assert_eq!(refused, ("InvalidKeyUsageException", message.to_owned()));
}

#[tokio::test]
async fn reencryption_moves_a_ciphertext_to_another_key() {
    let cloud = cloud().await;
    let (one, two) = (make(&cloud).await, make(&cloud).await);
    let blob = encrypt_in(&cloud, &one, b"x", &[("a", "1")]).await.unwrap();
    let input = ReEncryptRequest {
        ciphertext_blob: Some(blob.into()),
        source_encryption_context: Some(map(&[("a", "1")])),
        destination_key_id: two.clone(),
        destination_encryption_context: Some(map(&[("b", "2")])),
        ..Default::default()
    };
    let moved = cloud.call(op::ReEncrypt, input.clone()).await.unwrap();
    assert!(moved.source_key_id.unwrap().ends_with(&one) && moved.key_id.unwrap().ends_with(&two));
    let blob = moved.ciphertext_blob.unwrap();
    assert_eq!(decrypt_in(&cloud, &blob, &[("b", "2")]).await.unwrap(), b"x");
    let wrong = ReEncryptRequest { source_encryption_context: None, ..input };
    assert_eq!(refusal(cloud.call(op::ReEncrypt, wrong).await).0, "InvalidCiphertextException");
}

#[tokio::test]
async fn random_bytes_are_as_many_as_asked() {
    let cloud = cloud().await;
    let input = |number_of_bytes| GenerateRandomRequest { number_of_bytes, ..Default::default() };
    let one = cloud.call(op::GenerateRandom, input(Some(1024))).await.unwrap().plaintext.unwrap();
    let two = cloud.call(op::GenerateRandom, input(Some(1024))).await.unwrap().plaintext.unwrap();
    assert!(one.len() == 1024 && one != two);
    let refused = refusal(cloud.call(op::GenerateRandom, input(None)).await);
    assert_eq!(refused, ("ValidationException", "NumberOfBytes is required.".to_owned()));
}
