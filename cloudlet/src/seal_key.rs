//! The sealing key of a data folder: a file only its owner can read, made when the first secret is sealed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use kernel::ids::{IdSource, SystemIds};
use kernel::{KeySealer, SealError, Sealer};

/// Seals with the key in a file. Opening never makes one: where there are secrets, there was a key.
pub(crate) struct SealKey {
    path: PathBuf,
    key: OnceLock<KeySealer>,
    /// Held by who makes the file.
    making: Mutex<()>,
}

impl SealKey {
    /// The key in this folder, read when it is first needed.
    pub(crate) fn within(folder: &Path) -> Self {
        Self { path: folder.join("seal.key"), key: OnceLock::new(), making: Mutex::new(()) }
    }

    fn known(&self) -> Result<Option<&KeySealer>, SealError> {
        if let Some(key) = self.key.get() {
            return Ok(Some(key));
        }
        match fs::read(&self.path) {
            Ok(bytes) => {
                let key = KeySealer::new(&bytes)?;
                Ok(Some(self.key.get_or_init(|| key)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// Makes the file, whole or not at all. One that somebody else made meanwhile stays.
    fn make(&self) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut bytes = [0; KeySealer::KEY_BYTES];
        SystemIds.fill(&mut bytes);
        let fresh = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        let linked = fs::hard_link(&fresh, &self.path);
        fs::remove_file(&fresh)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(folder)?.sync_all(),
        }
    }

    fn unusable(&self, error: &std::io::Error) -> SealError {
        tracing::error!(path = %self.path.display(), %error, "the sealing key cannot be used");
        SealError::Unusable
    }
}

impl Sealer for SealKey {
    fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        if self.known()?.is_none() {
            let _turn = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            self.make().map_err(|error| self.unusable(&error))?;
        }
        self.known()?.ok_or(SealError::Missing)?.seal(aad, plaintext)
    }

    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.known()?.ok_or(SealError::Missing)?.open(aad, sealed)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let identity = folder.path().join("identity");
        let path = identity.join("seal.key");
        let key = SealKey::within(&identity);
        assert_eq!(key.open(b"a", b"x"), Err(SealError::Missing));
        assert!(!path.exists(), "opening makes nothing");
        let sealed = key.seal(b"a", b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&identity).unwrap().count(), 1);
        let again = SealKey::within(&identity);
        again.make().unwrap();
        assert_eq!(again.open(b"a", &sealed).unwrap(), b"secret", "the first key stays");
    }
}
