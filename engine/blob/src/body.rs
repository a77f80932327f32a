//! The bytes handed to a put, and the limits they must keep.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use crate::seal::{Sum, Written, len};
use crate::{BoxError, Error, Result};

/// Bytes to be stored: all of them, or a stream. A stream that fails or is dropped leaves nothing behind,
/// so a caller that checks a signature or a sum of its own does it in the stream, before its end.
pub struct Body(pub(crate) Kind);

pub(crate) enum Kind {
    Whole(Bytes),
    Stream(BoxStream<'static, Result<Bytes, BoxError>>),
}

impl Body {
    pub fn stream(stream: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> Self {
        Self(Kind::Stream(stream.boxed()))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Whole(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

/// How long a blob may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    size_bytes_min: u64,
    size_bytes_max: u64,
}

impl Bounds {
    pub const fn at_most(size_bytes: u64) -> Self {
        Self { size_bytes_min: 0, size_bytes_max: size_bytes }
    }

    /// As a length that was announced must be kept.
    pub const fn exactly(size_bytes: u64) -> Self {
        Self { size_bytes_min: size_bytes, size_bytes_max: size_bytes }
    }

    pub(crate) fn check_growth(self, size_bytes: u64) -> Result<()> {
        if size_bytes > self.size_bytes_max {
            return Err(Error::TooLong { size_bytes_max: self.size_bytes_max });
        }
        Ok(())
    }

    pub(crate) fn check_end(self, size_bytes: u64) -> Result<()> {
        if size_bytes < self.size_bytes_min {
            return Err(Error::TooShort { size_bytes, wanted_bytes: self.size_bytes_min });
        }
        Ok(())
    }

    pub(crate) fn cap(self, size_bytes: u64) -> Self {
        Self { size_bytes_max: self.size_bytes_max.min(size_bytes), ..self }
    }
}

/// A body as it arrives: summed, checked against its bounds, cut into parts of equal length.
pub(crate) struct Intake {
    stream: BoxStream<'static, Result<Bytes, BoxError>>,
    bounds: Bounds,
    sum: Sum,
    pending: BytesMut,
    part_bytes: usize,
    ended: bool,
}

/// A body whose first part has been read.
pub(crate) enum Gathered {
    /// It fitted into one part.
    Short(Bytes, Written),
    /// This part, and more to come.
    Long(Bytes, Intake),
}

impl Body {
    pub(crate) async fn gather(self, bounds: Bounds, part_bytes: usize) -> Result<Gathered> {
        let stream = match self.0 {
            Kind::Stream(stream) => stream,
            Kind::Whole(bytes) => {
                bounds.check_growth(len(&bytes))?;
                bounds.check_end(len(&bytes))?;
                let mut sum = Sum::new();
                sum.add(&bytes);
                return Ok(Gathered::Short(bytes, sum.written()));
            }
        };
        let (sum, pending) = (Sum::new(), BytesMut::new());
        let mut intake = Intake { stream, bounds, sum, pending, part_bytes, ended: false };
        let first = intake.part().await?;
        if intake.ended && intake.pending.is_empty() {
            return Ok(Gathered::Short(first, intake.sum.written()));
        }
        Ok(Gathered::Long(first, intake))
    }
}

impl Intake {
    /// The next part; shorter than the others only at the end, and empty after it.
    pub(crate) async fn part(&mut self) -> Result<Bytes> {
        while !self.ended && self.pending.len() < self.part_bytes {
            match self.stream.next().await {
                Some(chunk) => {
                    let chunk = chunk.map_err(Error::Body)?;
                    self.sum.add(&chunk);
                    self.bounds.check_growth(self.sum.size_bytes())?;
                    self.pending.extend_from_slice(&chunk);
                }
                None => {
                    self.bounds.check_end(self.sum.size_bytes())?;
                    self.ended = true;
                }
            }
        }
        Ok(self.pending.split_to(self.part_bytes.min(self.pending.len())).freeze())
    }

    pub(crate) fn written(&self) -> Written {
        self.sum.written()
    }
}
