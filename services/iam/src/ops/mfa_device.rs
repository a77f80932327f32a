//! Virtual MFA devices: make, enable by two codes, show, take away.

use api_iam::{
    CreateVirtualMFADeviceRequest, CreateVirtualMFADeviceResponse, DeactivateMFADeviceRequest,
    DeleteVirtualMFADeviceRequest, EnableMFADeviceRequest, GetMFADeviceRequest, GetMFADeviceResponse,
    ListMFADevicesRequest, ListMFADevicesResponse, ListVirtualMFADevicesRequest,
    ListVirtualMFADevicesResponse, MFADevice, ResyncMFADeviceRequest, VirtualMFADevice,
};
use kernel::{Ctx, Result, Scope, Tx};

use super::{at, edit, page, read, user, user_or_caller};
use crate::errors;
use crate::rules::tags::Tags;
use crate::rules::totp;
use crate::state::directory::change;
use crate::state::identity::{self, Kind};
use crate::state::mfa_device::{self, MfaDevice};
use crate::state::{arn, home, seal};

const DEVICES_PER_USER_MAX: usize = 8;
/// Letters of base32, five bits each.
const SEED_LETTERS: usize = 64;

/// The bytes that base32 letters stand for.
fn decode(letters: &str) -> Vec<u8> {
    let (mut bits, mut held, mut out) = (0u32, 0u32, Vec::new());
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => u32::from(letter - b'A'),
            _ => u32::from(letter.saturating_sub(b'2')) + 26,
        };
        (bits, held) = ((bits << 5) | value, held + 5);
        if held >= 8 {
            held -= 8;
            out.extend(u8::try_from((bits >> held) & 0xff));
        }
    }
    out
}

pub async fn create_virtual_mfa_device(
    ctx: &Ctx,
    input: CreateVirtualMFADeviceRequest,
) -> Result<CreateVirtualMFADeviceResponse> {
    let home = home(ctx);
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(errors::bad_path());
    }
    let serial = arn(&home, format_args!("mfa{path}{}", input.virtual_mfa_device_name));
    let letters = ctx.ids().base32(SEED_LETTERS);
    let device = MfaDevice {
        sealed_seed: seal::seal(ctx, &serial, &decode(&letters))?,
        serial,
        tags: Tags::new(input.tags)?,
        user: None,
        enabled_at: None,
        last_step: 0,
    };
    let new = device.clone();
    change(ctx, move |tx| mfa_device::insert(tx, &home, &new)).await?;
    let virtual_mfa_device = VirtualMFADevice {
        serial_number: device.serial,
        base32_string_seed: Some(letters.into_bytes().into()),
        tags: device.tags.shown(),
        ..VirtualMFADevice::default()
    };
    Ok(CreateVirtualMFADeviceResponse { virtual_mfa_device })
}

pub async fn delete_virtual_mfa_device(ctx: &Ctx, input: DeleteVirtualMFADeviceRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let device = mfa_device::get(tx, &home, &input.serial_number)?;
        if device.user.is_some() {
            return Err(errors::mfa_device_assigned());
        }
        mfa_device::delete(tx, &home, &device)
    })
    .await
}

/// Takes two codes of a device, so that neither serves again.
fn take_codes(tx: &mut Tx<'_, '_>, device: &MfaDevice, first: &str, second: &str) -> Result<u64> {
    let seed = seal::open(tx.ctx(), &device.serial, &device.sealed_seed)?;
    let step = totp::match_pair(&seed, tx.ctx().now(), device.last_step, first, second);
    step.ok_or_else(errors::wrong_mfa_codes)
}

pub async fn enable_mfa_device(ctx: &Ctx, input: EnableMFADeviceRequest) -> Result<()> {
    let (home, now) = (home(ctx), ctx.now());
    let EnableMFADeviceRequest { user_name, serial_number, authentication_code1, authentication_code2 } =
        input;
    edit(ctx, Kind::User, user_name, move |tx, user| {
        let device = mfa_device::get(tx, &home, &serial_number)?;
        if device.user.is_some() {
            return Err(errors::mfa_device_in_use());
        }
        if user.mfa_devices.len() >= DEVICES_PER_USER_MAX {
            return Err(errors::over_quota("MFADevicesPerUser", DEVICES_PER_USER_MAX));
        }
        let last_step = take_codes(tx, &device, &authentication_code1, &authentication_code2)?;
        user.mfa_devices.push(serial_number.clone());
        let (user, enabled_at) = (Some(user.name.clone()), Some(now));
        mfa_device::put(tx, &home, &MfaDevice { user, enabled_at, last_step, ..device })
    })
    .await
}

/// The device of this serial number, if it is enabled for the user.
fn of_user(tx: &mut Tx<'_, '_>, home: &Scope, user: &identity::Identity, serial: &str) -> Result<MfaDevice> {
    if !user.mfa_devices.iter().any(|own| own == serial) {
        return Err(errors::no_such_mfa_device(serial));
    }
    mfa_device::get(tx, home, serial)
}

pub async fn resync_mfa_device(ctx: &Ctx, input: ResyncMFADeviceRequest) -> Result<()> {
    let home = home(ctx);
    let ResyncMFADeviceRequest { user_name, serial_number, authentication_code1, authentication_code2 } =
        input;
    edit(ctx, Kind::User, user_name, move |tx, user| {
        let device = of_user(tx, &home, user, &serial_number)?;
        let last_step = take_codes(tx, &device, &authentication_code1, &authentication_code2)?;
        mfa_device::put(tx, &home, &MfaDevice { last_step, ..device })
    })
    .await
}

pub async fn deactivate_mfa_device(ctx: &Ctx, input: DeactivateMFADeviceRequest) -> Result<()> {
    let home = home(ctx);
    let name = user_or_caller(ctx, input.user_name)?;
    let serial = input.serial_number;
    edit(ctx, Kind::User, name, move |tx, user| {
        let device = of_user(tx, &home, user, &serial)?;
        user.mfa_devices.retain(|own| *own != serial);
        mfa_device::put(tx, &home, &MfaDevice { user: None, enabled_at: None, ..device })
    })
    .await
}

pub async fn get_mfa_device(ctx: &Ctx, input: GetMFADeviceRequest) -> Result<GetMFADeviceResponse> {
    let home = home(ctx);
    let serial = input.serial_number;
    let device = ctx.read(|snap| mfa_device::get(snap, &home, &serial)).await?;
    let named = input.user_name.as_deref();
    if named.is_some_and(|name| !device.user.as_deref().is_some_and(|user| user.eq_ignore_ascii_case(name))) {
        return Err(errors::no_such_mfa_device(&serial));
    }
    let enable_date = device.enabled_at.map(at);
    Ok(GetMFADeviceResponse {
        user_name: device.user,
        serial_number: serial,
        enable_date,
        certifications: None,
    })
}

pub async fn list_mfa_devices(ctx: &Ctx, input: ListMFADevicesRequest) -> Result<ListMFADevicesResponse> {
    let home = home(ctx);
    let user = read(ctx, Kind::User, &user_or_caller(ctx, input.user_name)?).await?;
    let devices = ctx
        .read(|snap| {
            let get = |serial: &String| mfa_device::get(snap, &home, serial);
            user.mfa_devices.iter().map(get).collect::<Result<Vec<_>>>()
        })
        .await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListMFADevices", marker, max, devices, |device| &device.serial)?;
    let shown = page.items.into_iter().map(|device| MFADevice {
        user_name: user.name.clone(),
        serial_number: device.serial,
        enable_date: at(device.enabled_at.unwrap_or_default()),
    });
    Ok(ListMFADevicesResponse {
        mfa_devices: shown.collect(),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn list_virtual_mfa_devices(
    ctx: &Ctx,
    input: ListVirtualMFADevicesRequest,
) -> Result<ListVirtualMFADevicesResponse> {
    let home = home(ctx);
    let wanted = |device: &MfaDevice| match input.assignment_status.as_deref() {
        Some("Assigned") => device.user.is_some(),
        Some("Unassigned") => device.user.is_none(),
        _ => true,
    };
    let devices = ctx
        .read(|snap| {
            let mut found = Vec::new();
            for device in mfa_device::list(snap, &home)?.into_iter().filter(wanted) {
                let user = device.user.as_deref();
                let user = user.map(|name| identity::get(snap, &home, Kind::User, name)).transpose()?;
                found.push((device, user));
            }
            Ok(found)
        })
        .await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListVirtualMFADevices", marker, max, devices, |(device, _)| &device.serial)?;
    let shown = page.items.into_iter().map(|(device, owner)| VirtualMFADevice {
        serial_number: device.serial,
        user: owner.map(|owner| user::brief(&home, &owner)),
        enable_date: device.enabled_at.map(at),
        ..VirtualMFADevice::default()
    });
    Ok(ListVirtualMFADevicesResponse {
        virtual_mfa_devices: shown.collect(),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}
