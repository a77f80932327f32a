//! Virtual MFA devices with codes that are right.

use iam::rules::totp;

use crate::*;

fn seed(letters: &[u8]) -> Vec<u8> {
    let bits: String = letters
        .iter()
        .map(|letter| {
            let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
            format!("{value:05b}")
        })
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

#[tokio::test]
async fn two_codes_enable_a_device_once() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let create =
        || CreateVirtualMFADeviceRequest { virtual_mfa_device_name: "phone".into(), ..Default::default() };
    let device = cloud.call(op::CreateVirtualMFADevice, create()).await.unwrap().virtual_mfa_device;
    assert_eq!(device.serial_number, "arn:aws:iam::000000000000:mfa/phone");
    assert_eq!(
        refusal(cloud.call(op::CreateVirtualMFADevice, create()).await).1,
        "MFA device already exists."
    );
    let seed = seed(&device.base32_string_seed.unwrap());
    assert_eq!(seed.len(), 40);
    let step = totp::step_at(cloud.now());
    let enable = |first: u64| EnableMFADeviceRequest {
        user_name: "kim".into(),
        serial_number: device.serial_number.clone(),
        authentication_code1: totp::code(&seed, first),
        authentication_code2: totp::code(&seed, first + 1),
    };
    assert_eq!(
        refusal(cloud.call(op::EnableMFADevice, enable(step + 99)).await).0,
        "InvalidAuthenticationCode"
    );
    cloud.call(op::EnableMFADevice, enable(step)).await.unwrap();
    let in_use = refusal(cloud.call(op::EnableMFADevice, enable(step + 2)).await);
    assert_eq!(in_use, ("EntityAlreadyExists", "MFA Device is already in use.".into()));
    let list = ListMFADevicesRequest { user_name: Some("kim".into()), ..Default::default() };
    assert_eq!(cloud.call(op::ListMFADevices, list).await.unwrap().mfa_devices.len(), 1);
    let delete = || DeleteVirtualMFADeviceRequest { serial_number: device.serial_number.clone() };
    assert_eq!(refusal(cloud.call(op::DeleteVirtualMFADevice, delete()).await).0, "DeleteConflict");
    let off = DeactivateMFADeviceRequest {
        user_name: Some("kim".into()),
        serial_number: device.serial_number.clone(),
    };
    cloud.call(op::DeactivateMFADevice, off).await.unwrap();
    assert_eq!(
        refusal(cloud.call(op::EnableMFADevice, enable(step)).await).0,
        "InvalidAuthenticationCode",
        "used up"
    );
    cloud.call(op::DeleteVirtualMFADevice, delete()).await.unwrap();
    let all = ListVirtualMFADevicesRequest::default();
    assert!(cloud.call(op::ListVirtualMFADevices, all).await.unwrap().virtual_mfa_devices.is_empty());
}
