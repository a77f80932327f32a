//! What a grant may allow.

use kernel::Result;

use super::spec::{Spec, Usage};
use crate::errors;
use crate::state::key::Key;

/// Per key (AWS's quota).
pub const GRANTS_MAX: usize = 50_000;

/// Refuses operations that the key cannot do anyway.
pub fn check(key: &Key, operations: &[String], with_constraints: bool) -> Result<()> {
    if operations.is_empty() {
        return Err(errors::invalid("Grant operations must not be empty"));
    }
    match operations.iter().find(|operation| !fits(key, operation)) {
        Some(_) => Err(errors::invalid("Grant operation is not compatible with the key usage or key spec")),
        None if with_constraints && key.spec != Spec::Symmetric => {
            Err(errors::invalid("Grant constraints apply to symmetric encryption keys only"))
        }
        None => Ok(()),
    }
}

fn fits(key: &Key, operation: &str) -> bool {
    match operation {
        "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => key.usage == Usage::EncryptDecrypt,
        "Sign" | "Verify" => key.usage == Usage::SignVerify,
        "GenerateMac" | "VerifyMac" => key.usage == Usage::GenerateVerifyMac,
        "GetPublicKey" => key.spec.is_asymmetric(),
        "DeriveSharedSecret" => false,
        _ if operation.starts_with("GenerateDataKey") => key.spec == Spec::Symmetric,
        _ => true,
    }
}
