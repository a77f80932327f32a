//! Sessions of users, with and without a code of their MFA device.

use crate::*;

/// RFC 4648 base32 without padding, decoded.
fn base32(text: &[u8]) -> Vec<u8> {
    let value = |letter: &u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        digit => digit - b'2' + 26,
    };
    let bits: Vec<u8> =
        text.iter().flat_map(|l| (0..5).rev().map(move |bit| (value(l) >> bit) & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| (sum << 1) | bit)).collect()
}

#[tokio::test]
async fn a_users_session_is_the_user() {
    let cloud = cloud().await;
    let kim =
        make_user(&cloud, "kim", &allow(r#""sqs:*""#, r#""Resource":"arn:aws:sqs:*:*:${aws:username}-*""#))
            .await;
    let answer = kim.call(op::GetSessionToken, GetSessionTokenRequest::default()).await.unwrap();
    let credentials = answer.credentials.unwrap();
    assert_eq!(credentials.expiration.as_millis(), cloud.now() + 43_200_000);
    let session = with(&cloud, Some(credentials)).await;
    let (as_session, as_user) = (who(&session).await, who(&kim).await);
    assert_eq!((as_session.arn, as_session.user_id), (as_user.arn, as_user.user_id));
    make_queue(&session, "kim-1").await.unwrap();
    assert_eq!(refusal(make_queue(&session, "sam-1").await).0, "AccessDenied");
    let again = refusal(session.call(op::GetSessionToken, GetSessionTokenRequest::default()).await);
    assert_eq!(again, ("AccessDenied", "Cannot call GetSessionToken with session credentials".to_owned()));
    let root = GetSessionTokenRequest { duration_seconds: Some(43_200), ..Default::default() };
    let root = cloud.call(op::GetSessionToken, root).await.unwrap().credentials.unwrap();
    assert_eq!(root.expiration.as_millis(), cloud.now() + 3_600_000, "the account's own last an hour");
}

/// A device of the user, and what it shows now.
struct Device {
    serial: String,
    seed: Vec<u8>,
}

impl Device {
    fn code(&self, cloud: &TestCloud, steps_ago: i64) -> String {
        let step = cloud.now() / 30_000 - steps_ago;
        iam::rules::totp::code(&self.seed, u64::try_from(step).unwrap())
    }

    async fn enable(cloud: &TestCloud, user: &str) -> Self {
        let new = iam_api::CreateVirtualMFADeviceRequest {
            virtual_mfa_device_name: user.into(),
            ..Default::default()
        };
        let made = cloud.call(iam_api::op::CreateVirtualMFADevice, new).await.unwrap().virtual_mfa_device;
        let device = Self { serial: made.serial_number, seed: base32(&made.base32_string_seed.unwrap()) };
        let enable = iam_api::EnableMFADeviceRequest {
            user_name: user.into(),
            serial_number: device.serial.clone(),
            authentication_code1: device.code(cloud, 3),
            authentication_code2: device.code(cloud, 2),
        };
        cloud.call(iam_api::op::EnableMFADevice, enable).await.unwrap();
        device
    }
}

#[tokio::test]
async fn a_code_makes_a_session_that_says_so_once() {
    let cloud = cloud().await;
    let with_mfa = r#""Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"600"}}"#;
    let kim = make_user(&cloud, "kim", &allow(r#""sqs:*""#, with_mfa)).await;
    let device = Device::enable(&cloud, "kim").await;
    let asked = |serial: &str, code: &str| GetSessionTokenRequest {
        serial_number: Some(serial.into()),
        token_code: Some(code.into()),
        ..Default::default()
    };
    let code = device.code(&cloud, 0);
    let call = async |input| kim.call(op::GetSessionToken, input).await;
    let session = with(&cloud, call(asked(&device.serial, &code)).await.unwrap().credentials).await;
    make_queue(&session, "q").await.unwrap();
    cloud.advance(600_000);
    assert_eq!(refusal(make_queue(&session, "q").await).0, "AccessDenied", "the code is too long ago");
    let plain = with(&cloud, call(GetSessionTokenRequest::default()).await.unwrap().credentials).await;
    assert_eq!(refusal(make_queue(&plain, "q").await).0, "AccessDenied");
    let now = device.code(&cloud, 0);
    call(asked(&device.serial, &now)).await.unwrap();
    for (serial, code) in
        [(&*device.serial, &*now), (&*device.serial, "000000"), ("arn:aws:iam::000000000000:mfa/x", &*now)]
    {
        let (code, message) = refusal(call(asked(serial, code)).await);
        assert_eq!((code, message.starts_with("MultiFactorAuthentication failed")), ("AccessDenied", true));
    }
    let half = GetSessionTokenRequest { token_code: Some(now), ..Default::default() };
    assert!(refusal(call(half).await).1.contains("must provide both"));
}

#[tokio::test]
async fn a_role_may_ask_for_a_code() {
    let cloud = cloud().await;
    let condition = r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, condition)).await;
    let kim = make_user(&cloud, "kim", &on_all("sts:*")).await;
    let device = Device::enable(&cloud, "kim").await;
    assert_eq!(refusal(kim.call(op::AssumeRole, asking(&role)).await).0, "AccessDenied");
    let code = device.code(&cloud, 0);
    let with_code = |code: &str| AssumeRoleRequest {
        serial_number: Some(device.serial.clone()),
        token_code: Some(code.into()),
        ..asking(&role)
    };
    make_queue(&assume(&kim, with_code(&code)).await, "q").await.unwrap();
    let again = refusal(kim.call(op::AssumeRole, with_code(&code)).await);
    assert!(again.1.starts_with("MultiFactorAuthentication failed"), "{}", again.1);
    let sam = make_user(&cloud, "sam", &on_all("sts:*")).await;
    cloud.advance(30_000);
    let stolen = with_code(&device.code(&cloud, 0));
    assert_eq!(refusal(sam.call(op::AssumeRole, stolen).await).0, "AccessDenied", "it is another's device");
}
