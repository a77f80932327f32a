//! Vault locks: on trial for a day, then for good; and what they deny by an archive's age.

use api_glacier::*;
use kernel::Error;

use super::{DAY_MS, HOUR_MS, Lab, code, own};

const ARN: &str = "arn:aws:glacier:us-east-1:000000000000:vaults/v";

fn policy() -> VaultLockPolicy {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "keep", "Effect": "Deny", "Principal": "*",
        "Action": "glacier:DeleteArchive", "Resource": "{ARN}",
        "Condition": {{"NumericLessThan": {{"glacier:ArchiveAgeInDays": "365"}}}}}}]}}"#
    );
    VaultLockPolicy { policy: Some(text) }
}

async fn initiate(lab: &Lab) -> Result<String, Error> {
    let input =
        InitiateVaultLockInput { account_id: own(), vault_name: "v".to_owned(), policy: Some(policy()) };
    Ok(lab.cloud.call(op::InitiateVaultLock, input).await?.lock_id.unwrap())
}

async fn complete(lab: &Lab, lock_id: &str) -> Result<(), Error> {
    let input =
        CompleteVaultLockInput { account_id: own(), vault_name: "v".to_owned(), lock_id: lock_id.to_owned() };
    lab.cloud.call(op::CompleteVaultLock, input).await
}

async fn abort(lab: &Lab) -> Result<(), Error> {
    let input = AbortVaultLockInput { account_id: own(), vault_name: "v".to_owned() };
    lab.cloud.call(op::AbortVaultLock, input).await
}

async fn state(lab: &Lab) -> Option<String> {
    let input = GetVaultLockInput { account_id: own(), vault_name: "v".to_owned() };
    lab.cloud.call(op::GetVaultLock, input).await.ok()?.state
}

#[tokio::test]
async fn a_lock_is_tried_and_then_stays() {
    let lab = Lab::new().await;
    let id = lab.upload(b"kept", "").await;
    abort(&lab).await.unwrap();
    assert_eq!(code(complete(&lab, "none").await), "ResourceNotFoundException");
    let lapsed = initiate(&lab).await.unwrap();
    assert_eq!(code(lab.delete(&id).await), "AccessDeniedException");
    assert_eq!(code(initiate(&lab).await), "AccessDeniedException");
    lab.cloud.advance(DAY_MS);
    assert_eq!(state(&lab).await, None);
    assert_eq!(code(complete(&lab, &lapsed).await), "ResourceNotFoundException");
    initiate(&lab).await.unwrap();
    abort(&lab).await.unwrap();
    let lock = initiate(&lab).await.unwrap();
    lab.cloud.advance(HOUR_MS);
    assert_eq!(state(&lab).await.as_deref(), Some("InProgress"));
    assert_eq!(code(complete(&lab, "wrong").await), "InvalidParameterValueException");
    complete(&lab, &lock).await.unwrap();
    complete(&lab, &lock).await.unwrap();
    assert_eq!(state(&lab).await.as_deref(), Some("Locked"));
    for refused in [complete(&lab, "wrong").await, abort(&lab).await, initiate(&lab).await.map(drop)] {
        assert_eq!(code(refused), "AccessDeniedException");
    }
    // Root neither deletes what is young.
    assert_eq!(code(lab.delete(&id).await), "AccessDeniedException");
    lab.cloud.advance(363 * DAY_MS);
    assert_eq!(code(lab.delete(&id).await), "AccessDeniedException");
    lab.cloud.advance(DAY_MS);
    lab.delete(&id).await.unwrap();
}
