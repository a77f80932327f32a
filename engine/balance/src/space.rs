//! Sockets that are made inside a network namespace, by a thread that goes there and comes back at once.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// The calling thread's own namespace.
const OWN: &str = "/proc/thread-self/ns/net";
/// Connections the kernel holds before they are accepted.
const BACKLOG: i32 = 4_096;

thread_local! {
    static HOME: io::Result<File> = File::open(OWN);
}

/// A namespace, or the process's own.
#[derive(Debug)]
pub(crate) struct Space(Option<File>);

impl Space {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        Ok(Self(path.map(File::open).transpose()?))
    }

    /// Runs `f` there. It does not await: the thread is back before anything else runs on it.
    fn within<T>(&self, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(space) = &self.0 else { return f() };
        HOME.with(|home| {
            let home = home.as_ref().map_err(|error| io::Error::from(error.kind()))?;
            setns(space, CloneFlags::CLONE_NEWNET)?;
            let outcome = f();
            // A thread that is lost in a namespace would open everything else there too.
            setns(home, CloneFlags::CLONE_NEWNET).expect("a thread finds its way home");
            outcome
        })
    }

    /// A listener; several threads may each have one at the same address.
    pub(crate) fn listen(&self, at: SocketAddr) -> io::Result<TcpListener> {
        let socket = self.within(|| {
            let socket = bound(at, Type::STREAM, Protocol::TCP)?;
            socket.listen(BACKLOG)?;
            Ok(socket)
        })?;
        TcpListener::from_std(socket.into())
    }

    /// A socket for datagrams at an address; several threads may each have one.
    pub(crate) fn bind(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        let socket = self.within(|| bound(at, Type::DGRAM, Protocol::UDP))?;
        UdpSocket::from_std(socket.into())
    }

    /// A socket for datagrams to one peer; under the address `by`, which may be anybody's.
    pub(crate) async fn connect_datagrams(
        &self,
        to: SocketAddr,
        by: Option<SocketAddr>,
    ) -> io::Result<UdpSocket> {
        let any = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = match by {
            Some(by) => {
                UdpSocket::from_std(self.within(|| disguised(by, Type::DGRAM, Protocol::UDP))?.into())?
            }
            None => self.bind(SocketAddr::new(any, 0))?,
        };
        socket.connect(to).await?;
        Ok(socket)
    }

    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.within(|| if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() })?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// As [`Space::connect`], under the address `by`, which may be anybody's.
    pub(crate) async fn connect_as(&self, to: SocketAddr, by: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.within(|| disguised(by, Type::STREAM, Protocol::TCP))?;
        let stream = TcpSocket::from_std_stream(socket.into()).connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Bound to an address that is not ours. Its port, too, unless something else of ours has both.
fn disguised(by: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(by), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    match by {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true)?,
    }
    let any_port = SocketAddr::new(by.ip(), 0);
    socket.bind(&by.into()).or_else(|_| socket.bind(&any_port.into()))?;
    Ok(socket)
}

fn bound(at: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    socket.set_reuse_address(true)?;
    if at.port() != 0 {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(at))?;
    Ok(socket)
}
