//! KMS on a whole house with a clock that only tests move.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod access;
mod alias;
mod ciphertext;
mod data_key;
mod figures;
mod grant;
mod import;
mod key;
mod policy;
mod replica;
mod restart;
mod rotation;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;

use api_kms::*;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Millis, Plugs, Sealer, Service};

pub const DAY: Millis = 86_400_000;

pub fn service(root_key: u8) -> Service {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[root_key; 32]).unwrap());
    kms::service(&Plugs::default().with(sealer))
}

pub async fn cloud() -> TestCloud {
    TestCloud::new(vec![service(1)]).await
}

pub async fn make_with(cloud: &TestCloud, input: CreateKeyRequest) -> KeyMetadata {
    cloud.call(op::CreateKey, input).await.unwrap().key_metadata.unwrap()
}

/// Makes a symmetric key and gives its id.
pub async fn make(cloud: &TestCloud) -> String {
    make_with(cloud, CreateKeyRequest::default()).await.key_id
}

pub async fn make_of(cloud: &TestCloud, spec: &str, usage: &str) -> String {
    let input =
        CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() };
    make_with(cloud, input).await.key_id
}

pub async fn describe(cloud: &TestCloud, key_id: &str) -> Result<KeyMetadata, Error> {
    let input = DescribeKeyRequest { key_id: key_id.into(), ..Default::default() };
    Ok(cloud.call(op::DescribeKey, input).await?.key_metadata.unwrap())
}

pub async fn state(cloud: &TestCloud, key_id: &str) -> String {
    describe(cloud, key_id).await.unwrap().key_state.unwrap()
}

pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub async fn encrypt(cloud: &TestCloud, key_id: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    encrypt_in(cloud, key_id, text, &[]).await
}

pub async fn encrypt_in(
    cloud: &TestCloud,
    key_id: &str,
    text: &[u8],
    context: &[(&str, &str)],
) -> Result<Vec<u8>, Error> {
    let input = EncryptRequest {
        key_id: key_id.into(),
        plaintext: text.to_vec().into(),
        encryption_context: Some(map(context)),
        ..Default::default()
    };
    Ok(cloud.call(op::Encrypt, input).await?.ciphertext_blob.unwrap().to_vec())
}

pub async fn decrypt(cloud: &TestCloud, blob: &[u8]) -> Result<Vec<u8>, Error> {
    decrypt_in(cloud, blob, &[]).await
}

pub async fn decrypt_in(cloud: &TestCloud, blob: &[u8], context: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
    let input = DecryptRequest {
        ciphertext_blob: Some(blob.to_vec().into()),
        encryption_context: Some(map(context)),
        ..Default::default()
    };
    Ok(cloud.call(op::Decrypt, input).await?.plaintext.unwrap().to_vec())
}

pub async fn schedule_deletion(cloud: &TestCloud, key_id: &str, days: i32) -> Result<(), Error> {
    let input = ScheduleKeyDeletionRequest { key_id: key_id.into(), pending_window_in_days: Some(days) };
    cloud.call(op::ScheduleKeyDeletion, input).await.map(|_| ())
}

pub async fn make_alias(cloud: &TestCloud, name: &str, key_id: &str) -> Result<(), Error> {
    let input = CreateAliasRequest { alias_name: name.into(), target_key_id: key_id.into() };
    cloud.call(op::CreateAlias, input).await
}

/// The code a client sees, and the message.
pub fn refusal<T>(outcome: Result<T, Error>) -> (&'static str, String) {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.code(), error.message().to_owned()),
    }
}
