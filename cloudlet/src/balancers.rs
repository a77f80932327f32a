//! Tenants' load balancers at the house's own port, and their names for name servers inside networks.

use std::net::IpAddr;
use std::sync::Arc;

use balance::{Balance, Visitor};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use kernel::{BoxFuture, Names};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use wire::door::{Answer, Connection, Hosts};

use crate::cli::{Outcome, Problem};

/// Open files that are not balancers': stores, machines, the house's own port.
const FILES_KEPT: u64 = 4_096;
/// Connections of clients at once; each takes a second file towards its member.
const CONNECTIONS_MAX: u64 = 100_000;

/// The balancers' engine, where the rest of the house meets it.
pub(crate) struct Balancers(pub(crate) Arc<Balance>);

impl Balancers {
    /// Takes as many files as the host gives.
    pub(crate) fn start() -> Outcome<Self> {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(_, hard)| {
            // What is refused stays as it was.
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(1_024, |()| hard)
        });
        let room = (limit.saturating_sub(FILES_KEPT) * 3 / 4).clamp(256, CONNECTIONS_MAX);
        let engine = Balance::start(usize::try_from(room).unwrap_or(256));
        Ok(Self(Arc::new(engine.map_err(|e| Problem::new("load balancers cannot be had", &e))?)))
    }
}

impl Names for Balancers {
    fn find(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.0.resolve(name)
    }
}

impl Hosts for Balancers {
    fn serves(&self, host: &str) -> bool {
        self.0.serves(host)
    }

    fn answer(
        &self,
        host: String,
        request: Request<Incoming>,
        connection: Connection,
    ) -> BoxFuture<'_, Response<Answer>> {
        let (address, port) = (connection.peer.ip(), connection.peer.port());
        let visitor = Visitor { address, port, secure: connection.tls_version.is_some() };
        Box::pin(async move {
            let response = self.0.answer(&host, request, visitor).await;
            response.map(|body| Answer::streaming(body.map_err(Into::into)))
        })
    }
}
