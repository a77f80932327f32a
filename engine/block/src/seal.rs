//! Encryption at rest: what lies in the pool and in the store is AES-256-XTS, sector by sector (IEEE 1619).

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aes::Aes256;
use aes::cipher::array::Array;
use aes::cipher::{Key as CipherKey, KeyInit};
use xts_mode::{Xts128, get_tweak_default};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Result, Trying};
use crate::pool::next_data;

/// What is encrypted as one, under its own number.
pub(crate) const SECTOR_BYTES: usize = 512;
const PART_BYTES: usize = 1 << 20;

/// The key of a volume and its snapshots: two AES-256 keys. Shown to nobody, and wiped when it goes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; Self::BYTES]);

impl Key {
    pub const BYTES: usize = 64;

    /// # Errors
    /// [`Error::Spec`] when the length is wrong, or both halves are the same, which XTS must not be given.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::Spec("this is not the key of a volume".to_owned());
        let bytes: [u8; Self::BYTES] = bytes.try_into().map_err(|_| wrong())?;
        let (data, tweak) = bytes.split_at(Self::BYTES / 2);
        if data == tweak { Err(wrong()) } else { Ok(Self(bytes)) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Seals and opens sectors. One of zeros was never written, and is zeros on both sides: files keep their holes.
pub(crate) struct Cipher(Xts128<Aes256>);

impl Cipher {
    pub(crate) fn new(key: &Key) -> Self {
        let (data, tweak) = key.0.split_at(Key::BYTES / 2);
        let half = |half: &[u8]| {
            let mut bytes: CipherKey<Aes256> = Array::default();
            bytes.iter_mut().zip(half).for_each(|(to, from)| *to = *from);
            let cipher = Aes256::new(&bytes);
            bytes.zeroize();
            cipher
        };
        Self(Xts128::new(half(data), half(tweak)))
    }

    /// Seals whole sectors, the first of which has this number.
    pub(crate) fn seal(&self, bytes: &mut [u8], first: u64) {
        self.0.encrypt_area(bytes, SECTOR_BYTES, first.into(), get_tweak_default);
    }

    /// The same, but for sectors of zeros: those stay as if they were never written.
    pub(crate) fn seal_written(&self, bytes: &mut [u8], first: u64) {
        each_written(bytes, first, |sector, number| self.0.encrypt_sector(sector, get_tweak_default(number)));
    }

    pub(crate) fn open(&self, bytes: &mut [u8], first: u64) {
        each_written(bytes, first, |sector, number| self.0.decrypt_sector(sector, get_tweak_default(number)));
    }
}

fn each_written(bytes: &mut [u8], first: u64, change: impl Fn(&mut [u8], u128)) {
    for (sector, number) in bytes.chunks_exact_mut(SECTOR_BYTES).zip(u128::from(first)..) {
        if sector.iter().any(|byte| *byte != 0) {
            change(sector, number);
        }
    }
}

/// Copies a file from one key to another, `None` being plain. Its holes, and sectors of zeros, stay zeros.
pub(crate) fn recode(from: &Path, to: &File, keys: (Option<&Key>, Option<&Key>)) -> Result<()> {
    let source = File::open(from).at("open", from)?;
    recode_file(&source, to, keys.0.map(Cipher::new).as_ref(), keys.1.map(Cipher::new).as_ref())
        .at("encrypt", from)
}

fn recode_file(from: &File, to: &File, old: Option<&Cipher>, new: Option<&Cipher>) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let sector = u64::try_from(SECTOR_BYTES).unwrap_or(1);
    let mut part = vec![0; PART_BYTES];
    let mut at = 0;
    while let Some((start, end)) = next_data(from, at, length)? {
        at = start - start % sector;
        let end = end.next_multiple_of(sector).min(length);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(part.len());
            let part = part.get_mut(..wanted).unwrap_or_default();
            from.read_exact_at(part, at)?;
            if let Some(key) = old {
                key.open(part, at / sector);
            }
            if let Some(key) = new {
                key.seal_written(part, at / sector);
            }
            to.write_all_at(part, at)?;
            at += u64::try_from(wanted).unwrap_or(0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> Key {
        let bytes: Vec<u8> = (0..64).map(|n| n ^ seed).collect();
        Key::new(&bytes).unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// IEEE 1619-2007, annex B, vector 10.
    #[test]
    fn sectors_are_as_the_standard_says() {
        let bytes = hex(
            "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592",
        );
        let cipher = Cipher::new(&Key::new(&bytes).unwrap());
        let plain: Vec<u8> = (0..=255).chain(0..=255).collect();
        let mut sealed = plain.clone();
        cipher.seal(&mut sealed, 0xff);
        assert_eq!(sealed[..16], hex("1c3b3a102f770386e4836c99e370cf9b")[..]);
        cipher.open(&mut sealed, 0xff);
        assert_eq!(sealed, plain);
    }

    #[test]
    fn what_was_never_written_stays_zeros_and_files_go_from_key_to_key() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["plain", "sealed", "other", "back"].map(|name| folder.path().join(name));
        let plain = File::create(&paths[0]).unwrap();
        plain.set_len(8 << 20).unwrap();
        plain.write_all_at(b"secret", 3 << 20).unwrap();
        let keys = [None, Some(key(1)), Some(key(2)), None];
        for (at, pair) in keys.windows(2).enumerate() {
            let to = File::create(&paths[at + 1]).unwrap();
            recode(&paths[at], &to, (pair[0].as_ref(), pair[1].as_ref())).unwrap();
        }
        let read = |at: usize| std::fs::read(&paths[at]).unwrap();
        assert_eq!(read(0), read(3));
        assert_ne!(read(1), read(2));
        assert!(!read(1).windows(6).any(|six| six == b"secret"));
        assert_eq!(read(1).iter().filter(|byte| **byte != 0).count() / 400, 1);
        assert!(Key::new(&[7; 64]).is_err() && Key::new(&[7; 32]).is_err());
        assert_eq!(format!("{:?}", key(1)), "Key(…)");
    }
}
