//! Walks of a bucket in order of keys, that can leap over what is rolled up.

use std::collections::VecDeque;

use kernel::key::KeyReader;
use kernel::{Key, Reader, Result, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bucket::Bucket;
use super::object::{OBJECTS, OLDER, Object};
use super::upload::{UPLOADS, Upload};

/// Rows read at once after a leap, where the next leap may be near; doubled up to [`BATCH_MAX`].
const BATCH_MIN: usize = 2;
const BATCH_MAX: usize = 256;

/// The beginning of a text: no end is written, so that all that begin with it follow.
struct Head<'a>(&'a str);

impl Key for Head<'_> {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.0.write_to(out);
        out.pop();
    }
}

/// Goes through the rows of a table whose keys begin with a bucket's id and a text.
pub struct Cursor<R: 'static> {
    table: &'static Table<R>,
    scope: kernel::Scope,
    bucket_id: u64,
    prefix: String,
    /// The last row that was read, or where to begin.
    after: Option<Vec<u8>>,
    read: VecDeque<(String, R)>,
    batch: usize,
    ended: bool,
}

impl Cursor<Object> {
    /// The latest versions of objects.
    pub fn objects(bucket: &Bucket, prefix: &str) -> Self {
        Self::new(&OBJECTS, bucket, prefix)
    }

    /// The older versions.
    pub fn older(bucket: &Bucket, prefix: &str) -> Self {
        Self::new(&OLDER, bucket, prefix)
    }
}

impl Cursor<Upload> {
    /// Uploads that are neither completed nor aborted.
    pub fn uploads(bucket: &Bucket, prefix: &str) -> Self {
        Self::new(&UPLOADS, bucket, prefix)
    }
}

impl<R: Serialize + DeserializeOwned> Cursor<R> {
    fn new(table: &'static Table<R>, bucket: &Bucket, prefix: &str) -> Self {
        Self {
            table,
            scope: bucket.scope(),
            bucket_id: bucket.id,
            prefix: prefix.to_owned(),
            after: None,
            read: VecDeque::new(),
            batch: BATCH_MIN,
            ended: false,
        }
    }

    /// From behind every row of the key `after`, where there is one.
    #[must_use]
    pub fn after(mut self, after: Option<&str>) -> Self {
        if let Some(key) = after {
            self.leap_key(key);
        }
        self
    }

    /// Goes on behind every row of `key`.
    pub fn leap_key(&mut self, key: &str) {
        // The end of the text is its last byte: one more is behind all that follows it.
        let mut place = (self.bucket_id, Head(key)).to_bytes();
        place.push(0);
        place.push(0xfe);
        self.leap(place, |next| next <= key);
    }

    /// Goes on behind every key that begins with `prefix`.
    pub fn leap_prefix(&mut self, prefix: &str) {
        let mut place = (self.bucket_id, Head(prefix)).to_bytes();
        place.push(0xff);
        self.leap(place, |next| next < prefix || next.starts_with(prefix));
    }

    /// Goes on behind rows that are passed. Where those that were read already reach beyond, nothing is read anew.
    fn leap(&mut self, place: Vec<u8>, is_passed: impl Fn(&str) -> bool) {
        while self.read.pop_front_if(|(next, _)| is_passed(next)).is_some() {}
        if self.read.is_empty() {
            self.leap_row(place);
        }
    }

    /// Goes on behind one row.
    pub fn leap_row(&mut self, row: Vec<u8>) {
        if self.after.as_ref().is_some_and(|after| *after >= row) && self.read.is_empty() {
            return;
        }
        self.after = Some(row);
        self.read.clear();
        self.batch = BATCH_MIN;
        self.ended = false;
    }

    /// The next row, left where it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn peek(&mut self, from: &mut impl Reader) -> Result<Option<&(String, R)>> {
        if self.read.is_empty() && !self.ended {
            let prefix = (self.bucket_id, Head(&self.prefix));
            let rows = self.table.list(from, &self.scope, prefix, self.after.as_deref(), self.batch)?;
            self.ended = rows.len() < self.batch;
            self.batch = (self.batch * 2).min(BATCH_MAX);
            for (row, record) in rows {
                let mut parts = KeyReader(&row);
                let key = parts.number().and_then(|_| parts.text());
                self.after = Some(row.to_vec());
                if let Some(key) = key {
                    self.read.push_back((key, record));
                }
            }
        }
        Ok(self.read.front())
    }

    /// The next row, taken.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next(&mut self, from: &mut impl Reader) -> Result<Option<(String, R)>> {
        self.peek(from)?;
        Ok(self.read.pop_front())
    }
}
