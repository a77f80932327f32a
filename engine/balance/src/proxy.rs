//! One request: looked at, decided, carried to a member, and its answer back.

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONNECTION, HOST, SERVER, UPGRADE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;

use crate::body::{Outgoing, Upload};
use crate::counters::{FrontCounters, PoolCounters, add};
use crate::fields::{self, Client, Doubt};
use crate::journal::{Did, Draft, Notes};
use crate::live::{Live, LiveDoor, LivePlace, LivePool, Member};
use crate::rule::{self, Seen};
use crate::spec::{Action, Forward, Sticky, Strictness, Upstream};
use crate::upstream::{Desk, Failure};
use crate::{answer, cookie, pick};

/// Members asked before giving up, where those before were not reached.
const TRIES: usize = 3;

/// The status of a request whose client did not wait for its answer.
pub(crate) const CLIENT_GONE: u16 = 460;

/// What a request goes through, and where it came in.
pub(crate) struct Passage<'p> {
    desk: &'p Arc<Desk>,
    live: &'p Arc<Live>,
    door: &'p LiveDoor,
    place: Option<&'p Arc<LivePlace>>,
    client: &'p Client,
    notes: Option<Notes>,
}

/// A client that waits for its answer: one that leaves before is counted.
struct Waiting<'p>(Option<&'p FrontCounters>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(counters) = self.0 {
            add(&counters.own_4xx, 1);
        }
    }
}

impl<'p> Passage<'p> {
    /// Answers. Always.
    pub(crate) async fn answer(
        desk: &'p Arc<Desk>,
        live: &'p Arc<Live>,
        door: &'p LiveDoor,
        place: Option<&'p Arc<LivePlace>>,
        client: &'p Client,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let draft = live.journal.as_ref().map(|journal| Draft::begin(journal, client, &request));
        let notes = draft.as_ref().map(|draft| draft.notes.clone());
        let passage = Self { desk, live, door, place, client, notes };
        let mut waiting = Waiting(Some(passage.counters()));
        let response = passage.pass(request).await;
        waiting.0 = None;
        let Some(mut draft) = draft else { return response };
        draft.head(response.status().as_u16(), response.headers());
        response.map(|body| body.noted(draft))
    }

    async fn pass(&self, request: Request<Incoming>) -> Response<Outgoing> {
        let (parts, body) = request.into_parts();
        let doubt = fields::doubt(&parts, !body.is_end_stream());
        if doubt == Doubt::Ambiguous {
            add(&self.counters().doubtful, 1);
        }
        let mut response = match fields::refusal(&parts, &self.live.manners, doubt) {
            Some(status) => self.own(answer::page(status)),
            None => self.decide(parts, body, doubt).await,
        };
        let headers = response.headers_mut();
        if doubt == Doubt::Ambiguous && self.live.manners.strictness != Strictness::Monitor {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if !self.door.spec.server_field {
            headers.remove(SERVER);
        }
        for (name, value) in &self.door.spec.fields {
            headers.insert(name, value.clone());
        }
        response
    }

    async fn decide(&self, parts: Parts, body: Incoming, doubt: Doubt) -> Response<Outgoing> {
        let client = self.client;
        let host = rule::host(&parts, &parts.headers).unwrap_or_default();
        let (action, looked_at) =
            rule::decide(&self.door.spec, &Seen { parts: &parts, host, source: client.address });
        add(&self.counters().rules, u64::try_from(looked_at).unwrap_or(0));
        let fitted = self.door.spec.rules.get(looked_at.wrapping_sub(1));
        let is_rule = fitted.is_some_and(|rule| std::ptr::eq(&rule.action, action));
        self.note(|notes| notes.decided(is_rule.then(|| looked_at - 1)));
        match action {
            Action::Forward(forward) => self.forward(forward, parts, body, doubt).await,
            Action::Redirect(to) => {
                add(&self.counters().redirects, 1);
                let response = answer::redirect(to, &parts, host, client.secure, client.door);
                let location = response.headers().get(http::header::LOCATION);
                let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                self.note(|notes| notes.did(Did::Redirect(location.unwrap_or_default())));
                self.own(response)
            }
            Action::Answer { status, content_type, body } => {
                add(&self.counters().fixed, 1);
                self.note(|notes| notes.did(Did::Answer));
                self.own(answer::own(status.as_u16(), content_type, body.clone()))
            }
        }
    }

    fn note(&self, f: impl FnOnce(&Notes)) {
        if let Some(notes) = &self.notes {
            f(notes);
        }
    }

    fn counters(&self) -> &FrontCounters {
        self.place.map_or(&self.live.counters, |place| &place.counters)
    }

    /// Counts an answer of ours.
    fn own(&self, response: Response<Outgoing>) -> Response<Outgoing> {
        let counters = self.counters();
        match response.status().as_u16() {
            500 => add(&counters.own_500, 1),
            502 => add(&counters.own_502, 1),
            503 => add(&counters.own_503, 1),
            504 => add(&counters.own_504, 1),
            _ => {}
        }
        match response.status().as_u16() {
            300..400 => add(&counters.own_3xx, 1),
            400..500 => add(&counters.own_4xx, 1),
            500..600 => add(&counters.own_5xx, 1),
            _ => {}
        }
        response
    }

    fn page(&self, status: u16) -> Response<Outgoing> {
        self.own(answer::page(status))
    }

    async fn forward(
        &self,
        forward: &Forward,
        parts: Parts,
        body: Incoming,
        doubt: Doubt,
    ) -> Response<Outgoing> {
        self.note(|notes| notes.did(Did::Forward));
        let Some(place) = self.place else { return self.page(503) };
        let Some(pool) = self.pool(forward, &parts.headers) else { return self.page(503) };
        let protocol = pool.spec.protocol;
        if protocol == Upstream::Grpc && parts.version != Version::HTTP_2 {
            return self.page(464);
        }
        let zone =
            (!pool.spec.cross_zone.unwrap_or(self.live.manners.cross_zone)).then_some(&*place.spec.zone);
        let back_to = returning(pool, &parts.headers);
        let chosen = back_to.clone().or_else(|| pick::member(pool, zone, &[]));
        let Some(mut member) = chosen else { return self.page(503) };
        let is_upgrade = protocol == Upstream::Http1
            && parts.version == Version::HTTP_11
            && fields::upgrades(&parts.headers);
        let is_odd = !fields::are_valid(&parts.headers);
        let (mut request, switch) = match self.prepare(parts, body, protocol, is_upgrade) {
            Ok(prepared) => prepared,
            Err(status) => return self.page(status),
        };
        let of_pool = pool.counters.of(&place.spec.zone);
        if is_odd {
            let drops = self.live.manners.drop_invalid;
            let counters = &place.counters;
            add(if drops { &counters.odd_dropped } else { &counters.odd_forwarded }, 1);
        }
        add(&place.counters.requests, 1);
        add(&of_pool.requests, 1);
        let mut tried = Vec::new();
        loop {
            let underway = member.begin();
            let is_grpc = protocol == Upstream::Grpc;
            self.note(|notes| notes.chose(&pool.spec.id, member.address, request.headers(), is_grpc));
            let begun = Instant::now();
            let how = (protocol, pool.spec.tls);
            let asked = self.desk.ask(place, member.address, how, request, self.live.manners.idle);
            match asked.await {
                Ok((response, back)) => {
                    self.count(&of_pool, response.status(), begun);
                    self.note(|notes| notes.answered(member.address, response.status().as_u16(), begun));
                    let back = back.filter(|_| doubt == Doubt::None);
                    let (mut parts, body) = response.into_parts();
                    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                        return self.switch(Response::from_parts(parts, body), switch, underway);
                    }
                    fields::strip(&mut parts.headers);
                    parts.version = Version::HTTP_11;
                    self.stick(forward, pool, &member, &mut parts.headers);
                    return Response::from_parts(parts, Outgoing::of_member(body, back, underway));
                }
                Err(Failure::TimedOut) => return self.page(504),
                Err(Failure::ClientSilent) => return self.page(408),
                Err(Failure::ClientBroken) => return self.page(400),
                Err(Failure::ClientGone) => return self.page(CLIENT_GONE),
                Err(Failure::Broken(error)) => {
                    tracing::debug!(member = %member.id, %error, "a member did not answer as it should");
                    return self.page(502);
                }
                Err(Failure::Unreached { request: unsent, timed_out }) => {
                    add(&place.counters.connect_errors, 1);
                    add(&of_pool.connect_errors, 1);
                    tried.push(member);
                    let next = pick::member(pool, zone, &tried).filter(|_| tried.len() < TRIES);
                    let Some(next) = next else { return self.page(if timed_out { 504 } else { 502 }) };
                    (member, request) = (next, unsent);
                }
            }
        }
    }

    fn pool(&self, forward: &Forward, headers: &HeaderMap) -> Option<&Arc<LivePool>> {
        let wanted = forward.sticky.and_then(|_| cookie::read(headers, cookie::POOL));
        let known = wanted.and_then(|hash| {
            let mut weighing = forward.pools.iter().filter(|(_, weight)| *weight > 0);
            weighing.find(|(id, _)| cookie::hash(id.0.as_bytes()) == hash)
        });
        let id = known.map(|(id, _)| id).or_else(|| pick::pool(forward))?;
        self.live.pools.get(id)
    }

    /// The request as its member gets it, and the client's side of an upgrade.
    fn prepare(
        &self,
        mut parts: Parts,
        body: Incoming,
        protocol: Upstream,
        is_upgrade: bool,
    ) -> Result<(Request<Upload>, Option<hyper::upgrade::OnUpgrade>), u16> {
        let upgrade = is_upgrade.then(|| parts.headers.get(UPGRADE).cloned()).flatten();
        let switch = upgrade.as_ref().and_then(|_| parts.extensions.remove::<hyper::upgrade::OnUpgrade>());
        if parts.version == Version::HTTP_2 && !parts.headers.contains_key(HOST) {
            let authority = parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
            parts.headers.insert(HOST, authority.and_then(Result::ok).ok_or(400_u16)?);
            join_cookies(&mut parts.headers);
        }
        fields::strip(&mut parts.headers);
        fields::forward(&mut parts.headers, self.client, &self.live.manners, &self.door.spec);
        if let Some(upgrade) = upgrade {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, upgrade);
        }
        let path = parts.uri.into_parts().path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut request = Request::new(Upload::of_client(body, self.notes.clone()));
        *request.method_mut() = parts.method;
        *request.uri_mut() = match protocol {
            Upstream::Http1 | Upstream::Bytes => Uri::from(path),
            Upstream::Http2 | Upstream::Grpc => {
                *request.version_mut() = Version::HTTP_2;
                let host = parts.headers.remove(HOST).ok_or(400_u16)?;
                let mut uri = http::uri::Parts::default();
                uri.scheme = Some(Scheme::HTTP);
                uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| 400_u16)?);
                uri.path_and_query = Some(path);
                Uri::from_parts(uri).map_err(|_| 400_u16)?
            }
        };
        *request.headers_mut() = parts.headers;
        Ok((request, switch))
    }

    fn count(&self, of_pool: &PoolCounters, status: StatusCode, begun: Instant) {
        let front = self.counters();
        let took = begun.elapsed();
        front.times.add(took);
        of_pool.times.add(took);
        let (a, b) = match status.as_u16() / 100 {
            2 => (&front.member_2xx, &of_pool.member_2xx),
            3 => (&front.member_3xx, &of_pool.member_3xx),
            4 => (&front.member_4xx, &of_pool.member_4xx),
            5 => (&front.member_5xx, &of_pool.member_5xx),
            _ => return,
        };
        add(a, 1);
        add(b, 1);
    }

    /// Gives the client what brings it back.
    fn stick(&self, forward: &Forward, pool: &LivePool, member: &Member, headers: &mut HeaderMap) {
        let secure = self.client.secure;
        match &pool.spec.sticky {
            Some(Sticky::Ours { cookie, life }) => {
                cookie::set(headers, cookie, member.hash, *life, Some(secure));
            }
            Some(Sticky::Application { name, cookie, life }) if cookie::is_set(headers, name) => {
                cookie::set(headers, cookie, member.hash, *life, None);
            }
            _ => {}
        }
        if let Some(life) = forward.sticky {
            let hash = cookie::hash(pool.spec.id.0.as_bytes());
            cookie::set(headers, cookie::POOL, hash, Some(life), Some(secure));
        }
    }

    /// From here on the two speak what they like.
    fn switch(
        &self,
        mut response: Response<Incoming>,
        client: Option<hyper::upgrade::OnUpgrade>,
        underway: crate::live::Underway,
    ) -> Response<Outgoing> {
        let Some(client) = client else { return self.page(502) };
        add(&self.counters().websockets, 1);
        let member = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(client), Ok(member)) = tokio::join!(client, member) {
                let (mut client, mut member) = (TokioIo::new(client), TokioIo::new(member));
                // Either side may end it in any way.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut member).await;
            }
            drop(underway);
        });
        response.map(|_| Outgoing::own(bytes::Bytes::new()))
    }
}

/// The member a client is to come back to, if it is well.
fn returning(pool: &LivePool, headers: &HeaderMap) -> Option<Arc<Member>> {
    let hash = match pool.spec.sticky.as_ref()? {
        Sticky::Ours { cookie, .. } => cookie::read(headers, cookie)?,
        Sticky::Application { name, cookie, .. } => {
            cookie::find(headers, name)?;
            cookie::read(headers, cookie)?
        }
        Sticky::Source => return None,
    };
    pool.find(hash)
}

/// HTTP/2 lets cookies come one by one; HTTP/1.1 does not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    use http::header::COOKIE;
    if headers.get_all(COOKIE).iter().nth(1).is_some() {
        let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
            headers.insert(COOKIE, joined);
        }
    }
}
