//! One front before members given by address, for measuring: `front PORT http|tcp|https:CHAIN.pem:KEY.pem MEMBER…`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use balance::{
    Action, Balance, Certificate, Choice, DoorSpec, Forward, ForwardedFor, FrontSpec, Fronts, Identity,
    Manners, MemberSpec, Place, PoolSpec, ProxyHeader, Speaks, Strictness, Upstream, Versions,
};

/// As the whole cloud has it.
#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

/// Who the front is, by two files with a colon between their paths.
fn identity(files: &str) -> Result<Identity, Box<dyn std::error::Error>> {
    let (chain, key) = files.split_once(':').ok_or("https:CHAIN.pem:KEY.pem")?;
    let read = |path: &str| std::fs::read_to_string(path).map(Into::into);
    let certificates = vec![Certificate { chain: read(chain)?, key: read(key)? }];
    Ok(Identity { certificates, versions: Versions::Tls12And13, alpn: Vec::new() })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "front PORT http|tcp|https:CHAIN.pem:KEY.pem MEMBER…";
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or(usage)?.parse()?;
    let kind = arguments.next().ok_or(usage)?;
    let is_http = kind.starts_with("http");
    let identity = kind.strip_prefix("https:").map(identity).transpose()?;
    let addresses = arguments.map(|text| text.parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
    let member = |address: SocketAddr| MemberSpec {
        id: address.to_string().as_str().into(),
        address,
        zone: None,
        draining: false,
    };
    let idle = Duration::from_secs(60);
    let spec = FrontSpec {
        id: "front".into(),
        names: Vec::new(),
        places: vec![Place {
            space: None,
            address: Ipv4Addr::LOCALHOST.into(),
            known_as: Some(Ipv4Addr::LOCALHOST.into()),
            admits: None,
            zone: String::new(),
        }],
        doors: vec![DoorSpec {
            port,
            speaks: if is_http { Speaks::Http(identity) } else { Speaks::Stream { tls: None, idle } },
            rules: Vec::new(),
            otherwise: Action::Forward(Forward { pools: vec![("pool".into(), 1)], sticky: None }),
            server_field: true,
            fields: Vec::new(),
            tls_fields: None,
        }],
        pools: vec![PoolSpec {
            id: "pool".into(),
            members: addresses.into_iter().map(member).collect(),
            protocol: if is_http { Upstream::Http1 } else { Upstream::Bytes },
            tls: false,
            choice: Choice::RoundRobin,
            sticky: None,
            slow_start: Duration::ZERO,
            probe: None,
            proxy_header: ProxyHeader::None,
            keep_source: false,
            fail_open: true,
            end_of_ill: false,
            end_of_gone: false,
            cross_zone: None,
        }],
        journal: false,
        manners: Manners {
            idle,
            client_idle: Duration::from_secs(3_600),
            client_life: Duration::from_secs(3_600),
            forwarded_for: ForwardedFor::Append,
            forwarded_port: false,
            keep_host: false,
            drop_invalid: false,
            strictness: Strictness::Defensive,
            http2: true,
            cross_zone: true,
        },
    };
    let engine = Balance::start(10_000)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(engine.ensure(spec))?;
    loop {
        std::thread::park();
    }
}
