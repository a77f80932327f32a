//! What callers ask for: fronts, the doors they open, the rules behind them, and pools of members that answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::pattern::Pattern;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Arc<str>);

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(Arc::from(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A front's id, chosen by the caller.
    FrontId
);
id!(
    /// A pool's id; unique within its front.
    PoolId
);
id!(
    /// A member's id; unique within its pool.
    MemberId
);

/// A balancer: where it stands, what it listens for, and who answers.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontSpec {
    pub id: FrontId,
    /// Host names under which [`crate::Balance::answer`] finds it, in lower case.
    pub names: Vec<String>,
    pub places: Vec<Place>,
    pub doors: Vec<DoorSpec>,
    pub pools: Vec<PoolSpec>,
    pub manners: Manners,
    /// Every HTTP request is written down, for [`crate::Fronts::journal`].
    pub journal: bool,
}

/// A place it listens at and dials from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The network namespace, by a path that keeps it open; the process's own without.
    pub space: Option<PathBuf>,
    /// One that stands at addresses of both families has two places.
    pub address: IpAddr,
    /// What names of the front resolve to, besides those of its other places.
    pub known_as: Option<IpAddr>,
    /// Clients from elsewhere are sent away; without, anybody may come.
    pub admits: Option<Vec<IpNet>>,
    pub zone: String,
}

impl Place {
    pub(crate) fn lets_in(&self, client: IpAddr) -> bool {
        let has = |ranges: &Vec<IpNet>| ranges.iter().any(|range| range.contains(&client));
        self.admits.as_ref().is_none_or(has)
    }
}

/// How a front treats HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Longest silence on a connection, and longest wait for an answer's head.
    pub idle: Duration,
    /// Longest silence of a client between two requests.
    pub client_idle: Duration,
    /// How long a client's connection may last.
    pub client_life: Duration,
    /// What becomes of `X-Forwarded-For`.
    pub forwarded_for: ForwardedFor,
    /// The client's port stands beside its address there.
    pub forwarded_port: bool,
    /// The `Host` header goes on as it came, without the door's port.
    pub keep_host: bool,
    /// Header fields whose names are not letters, digits and hyphens are left out.
    pub drop_invalid: bool,
    pub strictness: Strictness,
    /// HTTP/2 is offered where there is TLS.
    pub http2: bool,
    /// Members of every zone are used, not only those of the place.
    pub cross_zone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedFor {
    Append,
    Preserve,
    Remove,
}

/// What becomes of requests that two servers could read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// All pass that can be read at all.
    Monitor,
    /// The doubtful pass, but their connection ends with them.
    Defensive,
    /// The doubtful are refused.
    Strictest,
}

/// A port that is open at every place.
#[derive(Clone, Debug, PartialEq)]
pub struct DoorSpec {
    pub port: u16,
    pub speaks: Speaks,
    /// The first that fits decides.
    pub rules: Vec<RuleSpec>,
    pub otherwise: Action,
    /// Answers say who serves.
    pub server_field: bool,
    /// Answers have these header fields, in place of what members say.
    pub fields: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Under which names members are told the version and the suite of a client's TLS.
    pub tls_fields: Option<[http::HeaderName; 2]>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Speaks {
    Http(Option<crate::tls::Identity>),
    /// Bytes, after TLS has been taken off where there is an identity. Silence ends a connection.
    Stream {
        tls: Option<crate::tls::Identity>,
        idle: Duration,
    },
    Datagrams,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RuleSpec {
    /// All of them hold.
    pub conditions: Vec<Condition>,
    pub action: Action,
}

/// Something about a request; one of the values is enough.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Host(Vec<Pattern>),
    Path(Vec<Pattern>),
    Header(http::HeaderName, Vec<Pattern>),
    Method(Vec<String>),
    /// A key and its value, or any key's value.
    Query(Vec<(Option<Pattern>, Pattern)>),
    Source(Vec<IpNet>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Forward(Forward),
    Redirect(Redirect),
    Answer { status: http::StatusCode, content_type: String, body: String },
}

/// To one of these pools, by weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub pools: Vec<(PoolId, u32)>,
    /// Who came to a pool comes to it again for so long.
    pub sticky: Option<Duration>,
}

/// Parts may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub permanent: bool,
    pub protocol: String,
    pub host: String,
    pub port: String,
    pub path: String,
    pub query: String,
}

/// Members that answer alike.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    pub id: PoolId,
    pub members: Vec<MemberSpec>,
    pub protocol: Upstream,
    /// TLS towards members; their certificates are not checked, as is usual within a private network.
    pub tls: bool,
    pub choice: Choice,
    pub sticky: Option<Sticky>,
    /// How long a member that has become healthy gets less than its share.
    pub slow_start: Duration,
    /// Without, members count as healthy.
    pub probe: Option<Probe>,
    /// Begins each stream.
    pub proxy_header: ProxyHeader,
    /// Members see who the client is by the address that streams and datagrams come from, where it is of their family.
    /// The place's namespace must bring what they answer back.
    pub keep_source: bool,
    /// Members known to be ill are asked all the same where nobody is well.
    pub fail_open: bool,
    /// Streams end when their member becomes ill.
    pub end_of_ill: bool,
    /// Streams and flows end when their member is no longer there.
    pub end_of_gone: bool,
    /// As the front says where `None`.
    pub cross_zone: Option<bool>,
}

/// Tells members of a stream who the client is, by version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    None,
    V1,
    V2,
}

/// What is spoken with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    Http1,
    Http2,
    Grpc,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    RoundRobin,
    LeastOutstanding,
    Random,
}

/// Who came to a member comes to it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// By a cookie of ours, for so long after the last request, or for as long as the client keeps it.
    Ours { cookie: &'static str, life: Option<Duration> },
    /// As long as the application's own cookie of this name is there.
    Application { name: String, cookie: &'static str, life: Option<Duration> },
    /// By the client's address.
    Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSpec {
    pub id: MemberId,
    pub address: SocketAddr,
    pub zone: Option<String>,
    /// It gets nothing new.
    pub draining: bool,
}

/// How members are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub by: ProbeBy,
    /// The member's own where `None`.
    pub port: Option<u16>,
    pub every: Duration,
    pub timeout: Duration,
    pub healthy_after: u32,
    pub unhealthy_after: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeBy {
    /// A connection is enough.
    Connect,
    /// A connection, and a handshake of TLS.
    Handshake,
    Http {
        path: String,
        tls: bool,
        codes: Codes,
        version: Upstream,
        agent: &'static str,
    },
}

/// Inclusive ranges of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes(pub Vec<(u16, u16)>);

impl Codes {
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&code))
    }
}

/// How a member fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked often enough yet.
    Initial,
    Healthy,
    Unhealthy(Ailment),
}

/// Why a member is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ailment {
    Timeout,
    /// The connection failed, or the answer could not be read.
    Failed,
    Code(u16),
}

/// The peer of a request that came another way than through a door.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    pub port: u16,
    pub secure: bool,
}
