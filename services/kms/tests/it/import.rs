//! Material that a customer brings.

use api_kms::*;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};

use crate::*;

async fn external(cloud: &TestCloud, spec: &str, usage: &str) -> String {
    let input = CreateKeyRequest {
        origin: Some("EXTERNAL".into()),
        key_spec: Some(spec.into()),
        key_usage: Some(usage.into()),
        ..Default::default()
    };
    make_with(cloud, input).await.key_id
}

fn oaep(public: &[u8], text: &[u8]) -> Vec<u8> {
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public).unwrap()).unwrap();
    let mut out = vec![0; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA256_MGF1SHA256, text, &mut out, None).unwrap();
    out
}

/// Wraps material for a key as a client would.
async fn wrap(cloud: &TestCloud, key_id: &str, algorithm: &str, material: &[u8]) -> ImportKeyMaterialRequest {
    let input = GetParametersForImportRequest {
        key_id: key_id.into(),
        wrapping_algorithm: algorithm.into(),
        wrapping_key_spec: "RSA_2048".into(),
    };
    let parameters = cloud.call(op::GetParametersForImport, input).await.unwrap();
    let public = parameters.public_key.unwrap();
    let wrapped = if algorithm.starts_with("RSAES") {
        oaep(&public, material)
    } else {
        let mut out = vec![0; material.len() + 15];
        let kek = AesKek::new(&AES_256, &[9; 32]).unwrap();
        let wrapped = kek.wrap_with_padding(material, &mut out).unwrap().to_vec();
        [oaep(&public, &[9; 32]), wrapped].concat()
    };
    ImportKeyMaterialRequest {
        key_id: key_id.into(),
        import_token: parameters.import_token.unwrap(),
        encrypted_key_material: wrapped.into(),
        expiration_model: Some("KEY_MATERIAL_DOES_NOT_EXPIRE".into()),
        ..Default::default()
    }
}

#[tokio::test]
async fn imported_material_works_goes_and_only_the_same_comes_back() {
    let cloud = cloud().await;
    let id = external(&cloud, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await;
    let pending = format!("arn:aws:kms:us-east-1:000000000000:key/{id} is pending import.");
    assert_eq!(state(&cloud, &id).await, "PendingImport");
    assert_eq!(refusal(encrypt(&cloud, &id, b"x").await), ("KMSInvalidStateException", pending));
    let import = wrap(&cloud, &id, "RSAES_OAEP_SHA_256", &[5; 32]).await;
    cloud.call(op::ImportKeyMaterial, import.clone()).await.unwrap();
    let shown = describe(&cloud, &id).await.unwrap();
    assert_eq!(shown.expiration_model.as_deref(), Some("KEY_MATERIAL_DOES_NOT_EXPIRE"));
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    let delete = DeleteImportedKeyMaterialRequest { key_id: id.clone(), ..Default::default() };
    cloud.call(op::DeleteImportedKeyMaterial, delete).await.unwrap();
    assert_eq!(refusal(decrypt(&cloud, &blob).await).0, "KMSInvalidStateException");
    let other = wrap(&cloud, &id, "RSAES_OAEP_SHA_256", &[6; 32]).await;
    assert_eq!(refusal(cloud.call(op::ImportKeyMaterial, other).await).0, "IncorrectKeyMaterialException");
    cloud.call(op::ImportKeyMaterial, import).await.unwrap();
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x");
}

#[tokio::test]
async fn imported_material_expires_at_its_time() {
    let cloud = cloud().await;
    let id = external(&cloud, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await;
    let import = wrap(&cloud, &id, "RSAES_OAEP_SHA_256", &[5; 32]).await;
    let expires = ImportKeyMaterialRequest { expiration_model: None, ..import };
    let refused = refusal(cloud.call(op::ImportKeyMaterial, expires.clone()).await);
    assert_eq!(refused.1, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES");
    let valid_to = Some(shape::Timestamp::from_millis(cloud.now() + DAY / 2));
    let expires = ImportKeyMaterialRequest { valid_to, ..expires };
    cloud.call(op::ImportKeyMaterial, expires).await.unwrap();
    assert_eq!(state(&cloud, &id).await, "Enabled");
    cloud.advance(DAY / 2);
    let gone = async || (state(&cloud, &id).await == "PendingImport").then_some(());
    cloud.eventually("the material expires", gone).await;
}

#[tokio::test]
async fn private_keys_come_under_an_aes_key() {
    let cloud = cloud().await;
    let id = external(&cloud, "ECC_NIST_P256", "SIGN_VERIFY").await;
    let pkcs8 = kms::rules::material::generate(kms::rules::spec::Spec::P256).unwrap();
    let import = wrap(&cloud, &id, "RSA_AES_KEY_WRAP_SHA_256", &pkcs8).await;
    cloud.call(op::ImportKeyMaterial, import).await.unwrap();
    let input = SignRequest {
        key_id: id,
        message: b"x".to_vec().into(),
        signing_algorithm: "ECDSA_SHA_256".into(),
        ..Default::default()
    };
    cloud.call(op::Sign, input).await.unwrap();
}

#[tokio::test]
async fn tokens_and_origins_are_checked() {
    let cloud = cloud().await;
    let id = external(&cloud, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await;
    let import = wrap(&cloud, &id, "RSAES_OAEP_SHA_256", &[5; 32]).await;
    let short = wrap(&cloud, &id, "RSAES_OAEP_SHA_256", &[5; 31]).await;
    assert_eq!(refusal(cloud.call(op::ImportKeyMaterial, short).await).0, "IncorrectKeyMaterialException");
    let broken = ImportKeyMaterialRequest { encrypted_key_material: vec![1; 256].into(), ..import.clone() };
    assert_eq!(refusal(cloud.call(op::ImportKeyMaterial, broken).await).0, "InvalidCiphertextException");
    let other = external(&cloud, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await;
    let elsewhere = ImportKeyMaterialRequest { key_id: other, ..import.clone() };
    assert_eq!(refusal(cloud.call(op::ImportKeyMaterial, elsewhere).await).0, "InvalidImportTokenException");
    cloud.advance(DAY);
    assert_eq!(refusal(cloud.call(op::ImportKeyMaterial, import).await).0, "ExpiredImportTokenException");
    let own = make(&cloud).await;
    let input = GetParametersForImportRequest {
        key_id: own.clone(),
        wrapping_algorithm: "RSAES_OAEP_SHA_256".into(),
        wrapping_key_spec: "RSA_2048".into(),
    };
    let message = format!(
        "arn:aws:kms:us-east-1:000000000000:key/{own} origin is AWS_KMS which is not valid for this operation."
    );
    let refused = refusal(cloud.call(op::GetParametersForImport, input).await);
    assert_eq!(refused, ("UnsupportedOperationException", message));
}
