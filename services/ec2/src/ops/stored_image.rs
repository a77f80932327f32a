//! A stored image on its way out of S3: its head, then block after block.

use block::{PACKED_BYTES_MAX, unpack};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::{BoxStream, StreamExt};
use http_body_util::BodyDataStream;
use kernel::{Error, Result};
use shape::{Body, BodyError};

use crate::errors;
use crate::rules::image_store::{Disk, FRAME_BYTES, Framed, HEAD_BYTES_MAX, Head, MAGIC};

/// Magic and length.
const BEGIN_BYTES: usize = MAGIC.len() + 4;
/// More than the longest thing that is read at once.
const AHEAD_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

const _: () = assert!(PACKED_BYTES_MAX < AHEAD_BYTES_MAX as u64, "a block is read at once");

/// What stands in an object, one thing after the other.
pub struct Frames {
    bytes: BoxStream<'static, Result<Bytes, BodyError>>,
    ahead: BytesMut,
}

impl Frames {
    pub fn of(body: &Body) -> Self {
        Self { bytes: BodyDataStream::new(body.take()).boxed(), ahead: BytesMut::new() }
    }

    /// # Errors
    /// `InvalidParameterValue` for an object that is no stored image.
    pub async fn head(&mut self) -> Result<Head> {
        let begin = self.take(BEGIN_BYTES).await?.ok_or_else(errors::stored_image_unreadable)?;
        let length = begin.strip_prefix(MAGIC.as_slice()).and_then(|rest| rest.first_chunk::<4>());
        let length = length.and_then(|length| usize::try_from(u32::from_be_bytes(*length)).ok());
        let length = length.filter(|length| *length <= HEAD_BYTES_MAX);
        let length = length.ok_or_else(errors::stored_image_unreadable)?;
        Head::decode(&self.take(length).await?.ok_or_else(errors::stored_image_unreadable)?)
    }

    /// The next block of a disk.
    ///
    /// # Errors
    /// `InvalidParameterValue` for one that does not read, or is not there.
    pub async fn block(&mut self, disk: &Disk) -> Result<(u32, Bytes)> {
        let begin = self.take(FRAME_BYTES).await?.ok_or_else(errors::stored_image_damaged)?;
        let framed = Framed::read(&begin, disk).ok_or_else(errors::stored_image_damaged)?;
        let packed = self.take(framed.length).await?.filter(|packed| framed.is_of(packed));
        let packed = packed.ok_or_else(errors::stored_image_damaged)?;
        Ok((framed.index, unpack(&packed).map_err(|_| errors::stored_image_damaged())?))
    }

    /// # Errors
    /// `InvalidParameterValue` where more follows.
    pub async fn end(&mut self) -> Result<()> {
        match self.take(1).await? {
            None => Ok(()),
            Some(_) => Err(errors::stored_image_damaged()),
        }
    }

    /// So many bytes; `None` where the object ends before.
    async fn take(&mut self, length: usize) -> Result<Option<Bytes>> {
        while self.ahead.len() < length {
            match self.bytes.try_next().await.map_err(broken)? {
                Some(more) => self.ahead.extend_from_slice(&more),
                None => return Ok(None),
            }
        }
        Ok(Some(self.ahead.split_to(length).freeze()))
    }
}

fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => Error::internal(std::io::Error::other(theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::image_store::frame;

    #[tokio::test]
    async fn what_is_cut_short_or_goes_on_is_seen() {
        let disk = Disk { size_gib: 1, description: String::new(), tags: Default::default(), blocks: 1 };
        let block = vec![7; usize::try_from(block::BLOCK_BYTES).unwrap()];
        let framed = frame(3, block::pack(&block).unwrap()).unwrap();
        let mut whole = Frames::of(&Body::from_bytes(framed.clone()));
        assert_eq!(whole.block(&disk).await.unwrap(), (3, Bytes::from(block)));
        whole.end().await.unwrap();
        let mut cut = Frames::of(&Body::from_bytes(framed.slice(..framed.len() - 1)));
        assert!(cut.block(&disk).await.is_err());
        let mut noise = framed.to_vec();
        noise.truncate(FRAME_BYTES);
        noise.extend(vec![255; framed.len() - FRAME_BYTES]);
        assert!(Frames::of(&Body::from_bytes(noise)).block(&disk).await.is_err());
        assert!(Frames::of(&Body::from_bytes("more")).end().await.is_err());
        for other in [&b""[..], b"ami", b"ami\0\0\0\0\x02\0\0\0\0", b"ami\0\0\0\0\x01\xff\0\0\0"] {
            assert!(Frames::of(&Body::from_bytes(other)).head().await.is_err());
        }
    }
}
