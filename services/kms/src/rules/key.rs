//! States of a key, and what each allows.

use api_kms::KeyMetadata;
use kernel::{Result, Scope};
use shape::Timestamp;

use super::reference::key_arn;
use super::spec::Usage;
use crate::errors;
use crate::state::key::{Key, Origin};

pub const WINDOW_DAYS: i32 = 30;
const WINDOW_DAYS_MIN: i32 = 7;

/// The state AWS shows.
pub fn visible_state(key: &Key) -> &'static str {
    match key {
        Key { deletion: Some(_), .. } => "PendingDeletion",
        Key { current: None, .. } => "PendingImport",
        Key { enabled: true, .. } => "Enabled",
        _ => "Disabled",
    }
}

/// Refuses keys that wait for their deletion.
pub fn check_kept(key: &Key, arn: &str) -> Result<()> {
    if key.deletion.is_some() { Err(errors::pending_deletion(arn)) } else { Ok(()) }
}

/// Refuses keys that wait for their deletion or for their material.
pub fn check_whole(key: &Key, arn: &str) -> Result<()> {
    check_kept(key, arn)?;
    if key.current.is_none() { Err(errors::pending_import(arn)) } else { Ok(()) }
}

/// Refuses keys that cannot be used now.
pub fn check_enabled(key: &Key, arn: &str) -> Result<()> {
    check_whole(key, arn)?;
    if key.enabled { Ok(()) } else { Err(errors::disabled(arn)) }
}

/// Refuses keys that are not for `operation`.
pub fn check_usage(key: &Key, arn: &str, usage: Usage, operation: &str) -> Result<()> {
    if key.usage == usage { Ok(()) } else { Err(errors::usage_not_for(arn, key.usage.name(), operation)) }
}

/// Refuses what only AWS's services decide about their keys.
pub fn check_customers(key: &Key, arn: &str) -> Result<()> {
    if key.managed { Err(errors::managed_key(arn)) } else { Ok(()) }
}

/// The days until a key goes.
pub fn window(asked: Option<i32>) -> Result<i32> {
    match asked.unwrap_or(WINDOW_DAYS) {
        days @ WINDOW_DAYS_MIN..=WINDOW_DAYS => Ok(days),
        _ => Err(errors::invalid("PendingWindowInDays must be between 7 and 30.")),
    }
}

/// A key as DescribeKey shows it.
pub fn metadata(scope: &Scope, key: &Key) -> KeyMetadata {
    let state = visible_state(key);
    let algorithms = |usage| {
        let names = key.spec.algorithms(usage).iter().map(|name| (*name).to_owned());
        (key.usage == usage).then(|| names.collect::<Vec<_>>())
    };
    let imported = key.origin == Origin::External && key.current.is_some();
    let expires =
        if key.expires_at.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" };
    let symmetric = key.spec == super::spec::Spec::Symmetric;
    KeyMetadata {
        aws_account_id: Some(scope.account.to_string()),
        key_id: key.id.clone(),
        arn: Some(key_arn(scope, &key.id)),
        creation_date: Some(Timestamp::from_millis(key.created_at)),
        enabled: Some(state == "Enabled"),
        description: Some(key.description.clone()),
        key_usage: Some(key.usage.name().to_owned()),
        key_state: Some(state.to_owned()),
        deletion_date: key.deletion.as_ref().map(|deletion| Timestamp::from_millis(deletion.at)),
        valid_to: key.expires_at.map(Timestamp::from_millis),
        origin: Some(key.origin.name().to_owned()),
        expiration_model: imported.then(|| expires.to_owned()),
        key_manager: Some(if key.managed { "AWS" } else { "CUSTOMER" }.to_owned()),
        customer_master_key_spec: Some(key.spec.name().to_owned()),
        key_spec: Some(key.spec.name().to_owned()),
        encryption_algorithms: algorithms(Usage::EncryptDecrypt),
        signing_algorithms: algorithms(Usage::SignVerify),
        mac_algorithms: algorithms(Usage::GenerateVerifyMac),
        multi_region: Some(key.primary.is_some()),
        multi_region_configuration: super::replica::configuration(scope, key),
        current_key_material_id: key.current.clone().filter(|_| symmetric),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key::Deletion;

    #[test]
    fn states_are_computed_in_order() {
        let mut key = Key::for_tests();
        assert_eq!(visible_state(&key), "Enabled");
        assert!(check_enabled(&key, "a").is_ok());
        key.enabled = false;
        assert_eq!(visible_state(&key), "Disabled");
        assert_eq!(check_enabled(&key, "a").unwrap_err().code(), "DisabledException");
        key.current = None;
        assert_eq!(visible_state(&key), "PendingImport");
        assert_eq!(check_enabled(&key, "a").unwrap_err().message(), "a is pending import.");
        key.deletion = Some(Deletion { at: 1 });
        assert_eq!(visible_state(&key), "PendingDeletion");
        assert_eq!(check_kept(&key, "a").unwrap_err().message(), "a is pending deletion.");
    }

    #[test]
    fn the_window_has_its_bounds() {
        assert_eq!(window(None).unwrap(), 30);
        for (days, fits) in [(6, false), (7, true), (30, true), (31, false)] {
            assert_eq!(window(Some(days)).is_ok(), fits);
        }
    }
}
