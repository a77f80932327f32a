//! Virtual MFA devices: a sealed seed, and whose it is.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::identity::Identity;
use crate::errors;
use crate::rules::tags::Tags;

/// By serial number.
static DEVICES: Table<MfaDevice> = Table::new("iam/mfa-device");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// Its ARN.
    pub serial: String,
    pub sealed_seed: String,
    pub tags: Tags,
    /// The user it is enabled for.
    pub user: Option<String>,
    pub enabled_at: Option<Millis>,
    /// The latest time step whose code was taken: no code is taken twice.
    pub last_step: u64,
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, home: &Scope, serial: &str) -> Result<MfaDevice> {
    DEVICES.get(from, home, serial)?.ok_or_else(|| errors::no_such_mfa_device(serial))
}

/// # Errors
/// When the name is taken.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &MfaDevice) -> Result<()> {
    if DEVICES.get(tx, home, new.serial.as_str())?.is_some() {
        return Err(errors::mfa_device_exists());
    }
    account::count(tx, home, Counted::MfaDevices, 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, device: &MfaDevice) -> Result<()> {
    DEVICES.put(tx, home, device.serial.as_str(), device)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, device: &MfaDevice) -> Result<()> {
    account::count(tx, home, Counted::MfaDevices, -1)?;
    DEVICES.delete(tx, home, device.serial.as_str())
}

/// By serial number.
pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<MfaDevice>> {
    Ok(DEVICES.all_rows(from, home, ())?.into_iter().map(|(_, device)| device).collect())
}

pub fn rename_user(tx: &mut Tx<'_, '_>, home: &Scope, user: &Identity, name: &str) -> Result<()> {
    for serial in &user.mfa_devices {
        let device = get(tx, home, serial)?;
        put(tx, home, &MfaDevice { user: Some(name.to_owned()), ..device })?;
    }
    Ok(())
}
