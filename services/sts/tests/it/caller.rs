//! Who am I, whose is this key, and why was I denied.

use kernel::NoCredential;

use crate::*;

#[tokio::test]
async fn root_is_told_that_it_is_root_of_its_own_account() {
    let cloud = cloud().await;
    for (cloud, account) in [(&cloud, ACCOUNT), (&cloud.as_account("111122223333"), "111122223333")] {
        let me = who(cloud).await;
        assert_eq!((me.account.as_deref(), me.user_id.as_deref()), (Some(account), Some(account)));
        assert_eq!(me.arn, Some(format!("arn:aws:iam::{account}:root")));
    }
}

#[tokio::test]
async fn nobody_is_told_nothing() {
    let nobody = cloud().await.anonymous();
    let asked = nobody.call(op::GetCallerIdentity, GetCallerIdentityRequest::default()).await;
    assert_eq!(refusal(asked).0, "AccessDenied");
    let asked = nobody.call(op::GetSessionToken, GetSessionTokenRequest::default()).await;
    assert_eq!(refusal(asked).0, "AccessDenied");
}

#[tokio::test]
async fn a_key_says_its_account() {
    let cloud = cloud().await.as_account("111122223333");
    let issued = cloud.call(op::GetSessionToken, GetSessionTokenRequest::default()).await.unwrap();
    let asked = |id: &str| GetAccessKeyInfoRequest { access_key_id: id.into() };
    let id = issued.credentials.unwrap().access_key_id;
    let found = cloud.call(op::GetAccessKeyInfo, asked(&id)).await.unwrap();
    assert_eq!(found.account.as_deref(), Some("111122223333"));
    assert_eq!(
        refusal(cloud.call(op::GetAccessKeyInfo, asked("AKIA000000000000")).await).0,
        "ValidationError"
    );
}

#[tokio::test]
async fn a_token_belongs_to_its_key() {
    let cloud = cloud().await;
    let issue = async || {
        let issued = cloud.call(op::GetSessionToken, GetSessionTokenRequest::default()).await.unwrap();
        issued.credentials.unwrap()
    };
    let (mine, other) = (issue().await, issue().await);
    cloud.signed_with(&mine.access_key_id, Some(&mine.session_token)).await.unwrap();
    let cut = &mine.session_token[..mine.session_token.len() - 8];
    for token in [None, Some(other.session_token.as_str()), Some(cut), Some("")] {
        let found = cloud.signed_with(&mine.access_key_id, token).await;
        assert!(matches!(found, Err(NoCredential::InvalidToken)), "{token:?}");
    }
}

#[tokio::test]
async fn only_messages_sealed_here_are_decoded() {
    let cloud = cloud().await;
    let decode = |text: &str| DecodeAuthorizationMessageRequest { encoded_message: text.into() };
    let refused = cloud.call(op::DecodeAuthorizationMessage, decode("nonsense")).await;
    assert_eq!(refusal(refused).0, "InvalidAuthorizationMessageException");
}
