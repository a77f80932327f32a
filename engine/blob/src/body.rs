//! The bytes handed to a put, and the limits they must keep.

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};

use crate::seal::{Kind as SumKind, Sum, Written, len};
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

/// A body as it arrives: summed, checked against its bounds, cut into parts of equal length. Bytes are handed on as
/// they came, without a copy.
pub(crate) struct Intake {
    stream: BoxStream<'static, Result<Bytes, BoxError>>,
    bounds: Bounds,
    sum: Sum,
    pending: Part,
    part_bytes: usize,
    ended: bool,
}

/// Bytes in the pieces they came in.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) pieces: Vec<Bytes>,
    size: usize,
}

impl Part {
    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.size = self.size.saturating_add(piece.len());
            self.pieces.push(piece);
        }
    }

    /// Takes away all up to `size`; what lies beyond stays.
    fn take(&mut self, size: usize) -> Self {
        let mut taken = std::mem::take(self);
        let mut beyond = taken.size.saturating_sub(size);
        taken.size -= beyond;
        while let Some(mut last) = taken.pieces.pop() {
            if beyond < last.len() {
                let rest = last.split_off(last.len() - beyond);
                self.push(rest);
                taken.pieces.push(last);
                break;
            }
            beyond -= last.len();
            self.push(last);
        }
        self.pieces.reverse();
        taken
    }
}

/// A body whose first part has been read.
pub(crate) enum Gathered {
    /// It fitted into one part.
    Short(Part, Written),
    /// This part, and more to come.
    Long(Part, Intake),
}

impl Body {
    pub(crate) async fn gather(self, bounds: Bounds, part_bytes: usize, kind: SumKind) -> Result<Gathered> {
        let stream = match self.0 {
            Kind::Stream(stream) => stream,
            Kind::Whole(bytes) => {
                bounds.check_growth(len(&bytes))?;
                bounds.check_end(len(&bytes))?;
                let mut sum = Sum::new(kind);
                sum.add(&bytes);
                let mut whole = Part::default();
                whole.push(bytes);
                return Ok(Gathered::Short(whole, sum.written()));
            }
        };
        let (sum, pending) = (Sum::new(kind), Part::default());
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
    pub(crate) async fn part(&mut self) -> Result<Part> {
        while !self.ended && self.pending.size < self.part_bytes {
            match self.stream.next().await {
                Some(chunk) => {
                    let chunk = chunk.map_err(Error::Body)?;
                    self.sum.add(&chunk);
                    self.bounds.check_growth(self.sum.size_bytes())?;
                    self.pending.push(chunk);
                }
                None => {
                    self.bounds.check_end(self.sum.size_bytes())?;
                    self.ended = true;
                }
            }
        }
        Ok(self.pending.take(self.part_bytes))
    }

    pub(crate) fn written(&self) -> Written {
        self.sum.written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_between_and_within_pieces() {
        let of = |pieces: &[&'static str]| {
            let mut part = Part::default();
            pieces.iter().for_each(|piece| part.push(Bytes::from_static(piece.as_bytes())));
            part
        };
        let text = |part: &Part| {
            part.pieces.iter().map(|p| String::from_utf8(p.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        for (size, taken, left) in [
            (9, &["abc", "de", "f"][..], &[][..]),
            (6, &["abc", "de", "f"], &[]),
            (5, &["abc", "de"], &["f"]),
            (4, &["abc", "d"], &["e", "f"]),
            (2, &["ab"], &["c", "de", "f"]),
            (0, &[], &["abc", "de", "f"]),
        ] {
            let mut all = of(&["abc", "de", "", "f"]);
            let part = all.take(size);
            assert_eq!(text(&part), taken, "{size}");
            assert_eq!(text(&all), left, "{size}");
            assert_eq!((part.size, all.size), (size.min(6), 6 - size.min(6)));
        }
    }
}
