//! How the engine speaks with a shim: frames of JSON, each after its length in four bytes, on a unix socket.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::Observed;

/// No message is longer.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// What a shim can be asked; one question per connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Switch the machine off; by force after the grace.
    Stop { grace_ms: u64 },
    /// End the machine by force.
    Kill,
    /// Restart the machine; by force after the grace.
    Reboot { grace_ms: u64 },
    /// Keep running: refused when the machine is being stopped.
    Run,
    /// Answer with the state now and after every change, until the shim ends.
    Watch,
    /// After the answer the connection is the machine's console, until one of the two ends. One at a time.
    Attach,
}

/// What a shim answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It will be done; the state tells when.
    Accepted,
    State(Observed),
    Refused(String),
}

pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// How long the body after this head is.
pub(crate) fn body_length(head: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(head)).map_err(io::Error::other)?;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
    }
    Ok(length)
}

pub(crate) fn write_frame<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

pub(crate) fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut body = vec![0; body_length(head)?];
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
