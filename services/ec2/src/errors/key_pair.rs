//! Key pairs.

use kernel::{Error, Kind};

pub fn key_pair_not_found(name: &str) -> Error {
    let message = format!("The key pair '{name}' does not exist");
    Error::new(Kind::NotFound, "InvalidKeyPair.NotFound", message)
}

pub fn key_pair_id_not_found(id: &str) -> Error {
    let message = format!("The key pair ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidKeyPair.NotFound", message)
}

pub fn key_pair_duplicate(name: &str) -> Error {
    let message = format!("The keypair '{name}' already exists.");
    Error::new(Kind::Conflict, "InvalidKeyPair.Duplicate", message)
}

pub fn key_pair_limit() -> Error {
    let message = "You have reached the limit of key pairs in this region.";
    Error::new(Kind::Limit, "KeyPairLimitExceeded", message)
}

pub fn invalid_key_format() -> Error {
    Error::new(Kind::Invalid, "InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}
