//! Encryption of volumes and snapshots.

use kernel::{Error, Kind};

pub fn key_without_encryption() -> Error {
    let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
    Error::new(Kind::Invalid, "InvalidParameterDependency", message)
}

pub fn cannot_be_plain() -> Error {
    super::combination("What is made from an encrypted snapshot is encrypted.")
}

pub fn encryption_not_here() -> Error {
    super::combination(
        "The parameters Encrypted and KmsKeyId are not valid here: snapshots are as their volumes are.",
    )
}

/// A refusal of KMS, as EC2 tells it.
pub fn of_kms(refusal: Error) -> Error {
    match refusal.code() {
        "AccessDeniedException" => {
            Error::new(Kind::Denied, "UnauthorizedOperation", refusal.message().to_owned())
        }
        "NotFoundException" | "InvalidArnException" | "InvalidKeyUsageException" => {
            super::invalid_parameter_value(format!(
                "Value for parameter KmsKeyId is invalid. {}",
                refusal.message()
            ))
        }
        "DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException" => {
            let message = format!("The KMS key provided is in an incorrect state: {}", refusal.message());
            Error::new(Kind::Conflict, "InvalidKMSKey.InvalidState", message)
        }
        _ => refusal,
    }
}

pub fn cannot_share_managed() -> Error {
    let message = "Encrypted snapshots with EBS default key cannot be shared";
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn cannot_share_with_all() -> Error {
    let message = "Encrypted snapshots cannot be shared with all accounts";
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}
