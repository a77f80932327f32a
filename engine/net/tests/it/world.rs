//! A cloudlet's worth of networks under its own tag, gone when the test ends, however it ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;
use net::{
    GroupId, GroupSpec, Hop, Net, NetConfig, NetworkId, NetworkSpec, Networks, Nic, NicSpec, Peer, Ports,
    Protocol, Route, Rule, Segment, Traffic,
};
use nix::sched::{CloneFlags, setns};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

/// How long a packet that should arrive may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for one that should not.
pub(crate) const DOUBT: Duration = Duration::from_millis(250);
pub(crate) const PORT: u16 = 8080;

pub(crate) struct World {
    pub(crate) tag: String,
    pub(crate) folder: PathBuf,
    pub(crate) net: Option<Net>,
    /// The third byte of this world's public addresses.
    number: u8,
    /// Its networks may reach the world beyond the host.
    pub(crate) beyond: bool,
    runtime: Runtime,
}

/// A fresh world, or `None` with a word about it when the host cannot make one.
pub(crate) fn world() -> Option<World> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: networks need root");
        return None;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let tag = format!("{:02x}{number:02x}", std::process::id() % 256);
    let folder = PathBuf::from("/run/cloudlet").join(&tag);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut world =
        World { tag, folder, net: None, number: u8::try_from(number).unwrap(), beyond: false, runtime };
    world.reopen();
    Some(world)
}

impl World {
    pub(crate) fn reopen(&mut self) {
        self.net = None;
        let ranges = vec!["198.18.0.0/15".parse().unwrap()];
        let (run_dir, world) = (self.folder.clone(), self.beyond);
        let config = NetConfig { run_dir, world, ..NetConfig::new(&self.tag, ranges) };
        self.net = Some(Net::open(config).unwrap());
    }

    pub(crate) fn net(&self) -> &Net {
        self.net.as_ref().unwrap()
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn public(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, host)
    }

    /// What a network counted.
    pub(crate) fn traffic(&self, network: &str) -> Traffic {
        self.run(self.net().traffic(network.into())).unwrap()
    }

    /// A network 10.0.0.0/16 with a group `open` that lets everything pass.
    pub(crate) fn network(&self, id: &str) {
        self.run(self.net().ensure_network(network_spec(id))).unwrap();
        self.group(id, "open", vec![any(Protocol::All)]);
    }

    /// A group that may send anything.
    pub(crate) fn group(&self, network: &str, id: &str, ingress: Vec<Rule>) {
        let group = GroupSpec { id: id.into(), ingress, egress: vec![any(Protocol::All)] };
        self.run(self.net().ensure_groups(network.into(), vec![group])).unwrap();
    }

    pub(crate) fn nic(&self, spec: NicSpec) -> Nic {
        self.run(self.net().ensure_nic(spec)).unwrap()
    }

    /// A server in the nic's namespace that tells each caller the address it came from.
    pub(crate) fn serve(&self, nic: &Nic) {
        let listener = inside(&nic.netns_path, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))).unwrap();
        self.answer(listener);
    }

    pub(crate) fn answer(&self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let _in = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        self.runtime.spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                let _ = stream.write_all(peer.ip().to_string().as_bytes()).await;
            }
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.net.is_none() {
            self.reopen();
        }
        let removed = self.run(self.net().remove_all());
        self.net = None;
        let _ = std::fs::remove_dir_all(&self.folder);
        if !thread::panicking() {
            removed.unwrap();
        }
    }
}

/// A network with two segments that lead to the world.
pub(crate) fn network_spec(id: &str) -> NetworkSpec {
    NetworkSpec {
        id: id.into(),
        cidrs: vec!["10.0.0.0/16".parse().unwrap()],
        cidrs6: vec![],
        resolver: Ipv4Addr::new(10, 0, 0, 2),
        segments: vec![
            segment(1, vec![route("0.0.0.0/0", Hop::World)]),
            segment(2, vec![route("0.0.0.0/0", Hop::World)]),
        ],
        translators: vec![],
        peers: vec![],
        sets: vec![],
        services: vec![],
    }
}

/// Segment 10.0.`number`.0/24.
pub(crate) fn segment(number: u8, routes: Vec<Route>) -> Segment {
    let range = Ipv4Net::new(Ipv4Addr::new(10, 0, number, 0), 24).unwrap();
    Segment { id: format!("s{number}").into(), range, range6: None, routes, screen: None }
}

pub(crate) fn route(to: &str, hop: Hop) -> Route {
    Route { to: to.parse().unwrap(), hop }
}

pub(crate) fn any(protocol: Protocol) -> Rule {
    Rule { protocol, peer: Peer::Cidr(Ipv4Net::default().into()) }
}

pub(crate) fn from_group(id: &str) -> Rule {
    Rule { protocol: Protocol::Tcp(Ports::one(PORT)), peer: Peer::Group(GroupId::from(id)) }
}

/// A nic named after its network and address, in segment 10.0.`segment`.0/24.
pub(crate) fn spec(network: &str, segment: u8, host: u8, groups: &[&str]) -> NicSpec {
    NicSpec {
        id: format!("{network}-{segment}-{host}").into(),
        network: NetworkId::from(network),
        mac: [2, 0, 10, 0, segment, host],
        address: Ipv4Addr::new(10, 0, segment, host),
        prefix_len: 24,
        gateway: Ipv4Addr::new(10, 0, segment, 1),
        groups: groups.iter().map(|id| GroupId::from(*id)).collect(),
        source_check: true,
        carries: false,
        public_address: None,
        secondary: vec![],
        addresses6: vec![],
        guises: vec![],
        beside: None,
        mtu: 9001,
        watched: false,
    }
}

/// Runs `what` on a thread in the namespace at `path`.
pub(crate) fn inside<T: Send>(path: &Path, what: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let there = scope.spawn(|| {
            setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            what()
        });
        there.join().unwrap()
    })
}

/// Connects from the namespace of the thread and reads what the server has to say.
pub(crate) fn call(to: impl Into<IpAddr>, port: u16, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(to.into(), port), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    stream.flush()?;
    Ok(answer)
}

/// The address the server at `to` saw when `from` called.
pub(crate) fn reach(from: &Nic, to: impl Into<IpAddr>) -> String {
    let to = to.into();
    inside(&from.netns_path, || call(to, PORT, PATIENCE)).unwrap()
}

/// Whether nothing comes back.
pub(crate) fn refused(from: &Nic, to: impl Into<IpAddr>) -> bool {
    let to = to.into();
    inside(&from.netns_path, || call(to, PORT, DOUBT)).is_err()
}

/// Whether nobody says even that nothing can come back.
pub(crate) fn unheard(from: &Nic, to: impl Into<IpAddr>) -> bool {
    let to = to.into();
    let called = inside(&from.netns_path, || call(to, PORT, DOUBT));
    called.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// What a command prints, on the host.
pub(crate) fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits, busily but politely, until it is so.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < until, "not in time: {what}");
        thread::yield_now();
    }
}
