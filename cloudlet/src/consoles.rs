//! Serial consoles of instances, at the house's own port, for whoever speaks SSH there.

use std::net::SocketAddr;
use std::sync::Arc;

use compute::{Config, ConsoleDoor, ConsoleKeys};
use kernel::BoxFuture;
use tokio::net::TcpStream;
use wire::door::Ssh;

pub(crate) struct Consoles {
    /// Who may come: services say.
    pub(crate) keys: Arc<ConsoleKeys>,
    door: ConsoleDoor,
}

impl Consoles {
    pub(crate) fn new(config: &Config) -> Self {
        let keys = Arc::new(ConsoleKeys::default());
        Self { door: ConsoleDoor::new(config, keys.clone()), keys }
    }
}

impl Ssh for Consoles {
    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let served = match stream.into_std() {
                Ok(stream) => self.door.serve(stream).await,
                Err(error) => return tracing::debug!(%peer, %error, "a visit cannot begin"),
            };
            if let Err(error) = served {
                let cause = std::error::Error::source(&error).map(tracing::field::display);
                tracing::debug!(%peer, %error, cause, "a visit to a console ended badly");
            }
        })
    }
}
