//! What each operation asks the gate for: on which keys, under which conditions.

use std::collections::BTreeMap;

use api_kms::{
    CreateGrantRequest, CreateKeyRequest, ImportKeyMaterialRequest, ReEncryptRequest, RetireGrantRequest,
};
use kernel::{Access, Result, Scope};

use super::ciphertext::{self, Context};
use super::reference::{Reference, access};

pub const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
pub const CONTEXT: &str = "kms:EncryptionContext:";
pub const CONSTRAINT: &str = "kms:GrantConstraintType";
pub const OPERATIONS: &str = "kms:GrantOperations";
/// Keys of ours, by which the gate finds a grant and the other key; AWS knows them not.
pub const GRANT: &str = "kms:GrantId";
pub const OTHER_KEY: &str = "kms:ReEncryptOtherKey";

/// A call on a key, named in any way.
pub fn on(scope: &Scope, key: &str) -> Result<Access> {
    let asked = access(scope, key)?;
    Ok(match Reference::parse(scope, key) {
        Ok(Reference::Alias { name, .. }) => asked.condition("kms:RequestAlias", [name]),
        _ => asked,
    })
}

/// A call on a key with one more condition key.
pub fn on_with(scope: &Scope, key: &str, name: &'static str, value: String) -> Result<Access> {
    Ok(on(scope, key)?.condition(name, [value]))
}

/// A call that seals or opens under a context. An algorithm left out is the symmetric one.
pub fn sealing(access: Access, algorithm: Option<&str>, context: Option<&Context>) -> Access {
    let algorithm = algorithm.unwrap_or(SYMMETRIC).to_owned();
    in_context(access.condition("kms:EncryptionAlgorithm", [algorithm]), context)
}

fn in_context(mut access: Access, context: Option<&Context>) -> Access {
    let Some(context) = context.filter(|context| !context.is_empty()) else { return access };
    for (key, value) in context {
        access = access.condition(format!("{CONTEXT}{key}"), [value.clone()]);
    }
    access.condition("kms:EncryptionContextKeys", context.keys().cloned())
}

/// The encryption context that a call was asked with.
pub fn context_of(access: &Access) -> impl Iterator<Item = (&str, &str)> {
    access
        .conditions
        .iter()
        .filter_map(|(name, values)| Some((name.strip_prefix(CONTEXT)?, values.first()?.as_str())))
}

/// The values of a condition key of the call itself.
pub fn values<'a>(access: &'a Access, name: &str) -> &'a [String] {
    let found = access.conditions.iter().find(|(known, _)| known == name);
    found.map_or(&[], |(_, values)| values.as_slice())
}

/// A call on a ciphertext, which names its key itself unless the call does.
pub fn opening(
    scope: &Scope,
    blob: Option<&[u8]>,
    key: Option<&str>,
    algorithm: Option<&str>,
    context: Option<&Context>,
) -> Result<Access> {
    let asked = match key {
        Some(key) => on(scope, key)?,
        None => ciphertext::access(scope, blob)?,
    };
    Ok(sealing(asked, algorithm, context))
}

/// Two actions on two keys, which may be the same.
pub fn re_encrypting(scope: &Scope, i: &ReEncryptRequest) -> Result<Access> {
    let from = opening(
        scope,
        i.ciphertext_blob.as_deref(),
        i.source_key_id.as_deref(),
        i.source_encryption_algorithm.as_deref(),
        i.source_encryption_context.as_ref(),
    )?;
    let (algorithm, context) =
        (i.destination_encryption_algorithm.as_deref(), i.destination_encryption_context.as_ref());
    let to = sealing(on(scope, &i.destination_key_id)?, algorithm, context);
    let (source, destination) = (from.resources.clone(), to.resources.clone());
    let from = from.action("kms:ReEncryptFrom").condition(OTHER_KEY, destination);
    Ok(from.also(to.action("kms:ReEncryptTo").condition(OTHER_KEY, source)))
}

/// Dates are asked as seconds since 1970, as the engine reads them.
pub fn importing(scope: &Scope, i: &ImportKeyMaterialRequest) -> Result<Access> {
    let model = i.expiration_model.clone().unwrap_or_else(|| "KEY_MATERIAL_EXPIRES".to_owned());
    let asked = on_with(scope, &i.key_id, "kms:ExpirationModel", model)?;
    Ok(match i.valid_to {
        Some(at) => asked.condition("kms:ValidTo", [(at.as_millis() / 1_000).to_string()]),
        None => asked,
    })
}

pub fn signing(scope: &Scope, key: &str, algorithm: &str, kind: Option<&str>) -> Result<Access> {
    let asked = on_with(scope, key, "kms:SigningAlgorithm", algorithm.to_owned())?;
    Ok(asked.condition("kms:MessageType", [kind.unwrap_or("RAW").to_owned()]))
}

/// A key is asked for by its properties, those left out too.
pub fn making(i: &CreateKeyRequest) -> Access {
    let spec = i.key_spec.as_deref().or(i.customer_master_key_spec.as_deref()).unwrap_or(SYMMETRIC);
    let or = |given: &Option<String>, default: &str| [given.clone().unwrap_or_else(|| default.to_owned())];
    let access = Access::any()
        .condition("kms:KeySpec", [spec.to_owned()])
        .condition("kms:KeyUsage", or(&i.key_usage, "ENCRYPT_DECRYPT"))
        .condition("kms:KeyOrigin", or(&i.origin, "AWS_KMS"))
        .condition("kms:MultiRegion", [i.multi_region.unwrap_or_default().to_string()]);
    bypassing(access, i.bypass_policy_lockout_safety_check)
}

pub fn bypassing(access: Access, bypass: Option<bool>) -> Access {
    access.condition("kms:BypassPolicyLockoutSafetyCheck", [bypass.unwrap_or_default().to_string()])
}

pub fn granting(scope: &Scope, i: &CreateGrantRequest) -> Result<Access> {
    let mut asked = on_with(scope, &i.key_id, "kms:GranteePrincipal", i.grantee_principal.clone())?
        .condition(OPERATIONS, i.operations.iter().cloned());
    if let Some(retiring) = &i.retiring_principal {
        asked = asked.condition("kms:RetiringPrincipal", [retiring.clone()]);
    }
    let constraints = i.constraints.clone().unwrap_or_default();
    let (equals, subset) = (constraints.encryption_context_equals, constraints.encryption_context_subset);
    let kinds = [("EncryptionContextEquals", &equals), ("EncryptionContextSubset", &subset)];
    let kinds: Vec<_> =
        kinds.iter().filter(|(_, given)| given.is_some()).map(|(name, _)| (*name).to_owned()).collect();
    if !kinds.is_empty() {
        asked = asked.condition(CONSTRAINT, kinds);
    }
    let context: BTreeMap<_, _> = subset.into_iter().chain(equals).flatten().collect();
    Ok(in_context(asked, Some(&context)))
}

/// A token names its grant only to its reader: the handler asks then.
pub fn retiring(scope: &Scope, i: &RetireGrantRequest) -> Result<Access> {
    match (&i.grant_token, &i.key_id, &i.grant_id) {
        (None, Some(key), Some(grant)) => on_with(scope, key, GRANT, grant.clone()),
        (Some(_), None, None) => Ok(Access::free()),
        _ => Ok(Access::any()),
    }
}
