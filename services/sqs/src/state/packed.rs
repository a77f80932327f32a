//! The packed form of records that are written for every message: a version byte, then tagged fields.
//!
//! A field is its tag, its length (four bytes, big-endian) and its bytes. Readers skip tags they don't know, so a new
//! field needs no new version.

use kernel::Error;

/// Writes one record.
#[derive(Debug)]
pub struct Packer(Vec<u8>);

impl Packer {
    pub fn new(version: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(version);
        Self(bytes)
    }

    pub fn bytes(&mut self, tag: u8, value: &[u8]) {
        let length = u32::try_from(value.len()).expect("messages are bounded");
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    pub fn text(&mut self, tag: u8, value: Option<&str>) {
        if let Some(value) = value {
            self.bytes(tag, value.as_bytes());
        }
    }

    pub fn number(&mut self, tag: u8, value: i64) {
        self.bytes(tag, &value.to_be_bytes());
    }

    pub fn finish(self) -> bytes::Bytes {
        self.0.into()
    }
}

/// A record that does not read back.
#[derive(Debug, thiserror::Error)]
#[error("a packed record of {0} cannot be read")]
pub struct Unreadable(pub &'static str);

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        Error::internal(error)
    }
}

/// The fields of one record, in the order they were written.
#[derive(Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// When the record is of another version.
    pub fn of(what: &'static str, version: u8, record: &'a [u8]) -> Result<Self, Unreadable> {
        match record.split_first() {
            Some((first, rest)) if *first == version => Ok(Self { rest, what }),
            _ => Err(Unreadable(what)),
        }
    }

    /// The next field: its tag and value.
    pub fn advance(&mut self) -> Result<Option<(u8, &'a [u8])>, Unreadable> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(Unreadable(self.what))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Unreadable(self.what))?;
        let (value, rest) = rest.split_at_checked(length).ok_or(Unreadable(self.what))?;
        self.rest = rest;
        Ok(Some((*tag, value)))
    }

    pub fn text(&self, value: &'a [u8]) -> Result<&'a str, Unreadable> {
        std::str::from_utf8(value).map_err(|_| Unreadable(self.what))
    }

    pub fn number(&self, value: &[u8]) -> Result<i64, Unreadable> {
        value.try_into().map(i64::from_be_bytes).map_err(|_| Unreadable(self.what))
    }

    pub fn wide(&self, value: &[u8]) -> Result<u128, Unreadable> {
        value.try_into().map(u128::from_be_bytes).map_err(|_| Unreadable(self.what))
    }
}
