//! The engine's side of the conversation with a shim.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::control::{Answer, Ask, body_length, encode};
use crate::error::{Error, Result, Trying};
use crate::machine::Observed;

/// How long a shim may take to take an order.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Gives an order.
pub(crate) async fn ask(socket: &Path, ask: &Ask) -> Result<()> {
    let conversation = async {
        let mut stream = say(socket, ask).await?;
        hear::<Answer>(&mut stream).await
    };
    let answer = timeout(ANSWER_WITHIN, conversation).await;
    let refused = |reason| Error::Shim { id: socket.display().to_string(), reason };
    match answer {
        Ok(Ok(Answer::Refused(reason))) => Err(refused(reason)),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error).at("ask", socket),
        Err(_) => Err(refused("no answer".to_owned())),
    }
}

/// Begins to follow the machine's states, the present one first.
pub(crate) async fn watch(socket: &Path) -> io::Result<UnixStream> {
    say(socket, &Ask::Watch).await
}

/// The next state. An error means that the shim is gone.
pub(crate) async fn next_state(stream: &mut UnixStream) -> io::Result<Observed> {
    match hear(stream).await? {
        Answer::State(state) => Ok(state),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

async fn say(socket: &Path, ask: &Ask) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&encode(ask)?).await?;
    Ok(stream)
}

async fn hear<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; body_length(head)?];
    stream.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}
