//! Which operation of which service a request asks for: all of them on one port, decided from tables.
//!
//! In order: target header · CBOR path · the signature's scope · form action and version · host · path · fallback.

mod form;
mod hints;
mod host;
mod rest;

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use kernel::{AccountId, Region};
use shape::{AccountHost, OpDef, PathHint, Protocol, ServiceDef};

pub use form::form_value;
pub use host::Domains;
use host::Host;
use rest::{Query, RestTable, Target};

use crate::headers::{AMZ_TARGET, SMITHY_PROTOCOL, authority};
use crate::sigv4::{Scope, header_text};

/// A service as the router knows it.
pub struct Entry {
    pub def: &'static ServiceDef,
    rest: RestTable,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Wanted {
    Served(&'static OpDef),
    /// In the model, not served.
    Unserved(String),
    /// Not in the model; the name, or nothing when the request gives none.
    Unknown(String),
}

/// Where a request goes.
pub struct Routed<'r> {
    pub service: &'r Entry,
    pub protocol: Protocol,
    pub wanted: Wanted,
    /// The version of the API that is asked for; only the query protocols name one.
    pub version: Option<String>,
    pub region: Region,
    /// Labels of the path (REST protocols), by wire name, decoded.
    pub labels: Vec<(&'static str, String)>,
    /// A parameter that stands in the path and is missing from the form.
    pub implied: Option<(&'static str, String)>,
    /// The whole path, where its beginning stood in the host name.
    pub whole_path: Option<String>,
}

/// A site that a host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteHost<'a> {
    pub label: &'static str,
    /// What stands before the label.
    pub name: &'a str,
    pub region: Region,
}

/// What the router looks at.
pub struct Asked<'a> {
    pub parts: &'a Parts,
    /// The body, where it is a form.
    pub form: Option<&'a [u8]>,
    pub scope: Option<&'a Scope<'a>>,
    pub secure: bool,
}

/// The tables of all services, compiled once.
pub struct Router {
    entries: Vec<Entry>,
    by_target: HashMap<&'static str, usize>,
    by_scope: HashMap<&'static str, Vec<usize>>,
    by_host: HashMap<&'static str, Vec<usize>>,
    fallback: Option<usize>,
    domains: Domains,
    default_region: Region,
}

impl Router {
    /// Compiles the tables. Every service brings its definition.
    pub fn new(services: &[&'static ServiceDef], domains: Domains) -> Self {
        let mut router = Self {
            entries: Vec::with_capacity(services.len()),
            by_target: HashMap::new(),
            by_scope: HashMap::new(),
            by_host: HashMap::new(),
            fallback: None,
            domains,
            default_region: "us-east-1".parse().expect("a region name"),
        };
        for (at, def) in services.iter().copied().enumerate() {
            let routing = &def.routing;
            if !def.target_prefix.is_empty() {
                router.by_target.entry(def.target_prefix).or_insert(at);
            }
            let add = |to: &mut HashMap<&'static str, Vec<usize>>, name: &'static str| {
                let places = to.entry(name).or_default();
                if !name.is_empty() && !places.contains(&at) {
                    places.push(at);
                }
            };
            for name in [&def.signing_name].into_iter().chain(routing.scopes) {
                add(&mut router.by_scope, name);
            }
            let labels = routing.account_hosts.iter().map(|host| &host.label);
            for name in [&def.endpoint_prefix, &def.name].into_iter().chain(routing.hosts).chain(labels) {
                add(&mut router.by_host, name);
            }
            if routing.fallback {
                router.fallback.get_or_insert(at);
            }
            router.entries.push(Entry { def, rest: RestTable::new(def) });
        }
        router
    }

    pub fn services(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The site of a host `name.label.region.domain` or `name.label-region.domain`, with or without the region.
    pub fn site<'p>(&self, parts: &'p Parts, labels: &[&'static str]) -> Option<SiteHost<'p>> {
        let named = authority(parts).unwrap_or_default();
        let label = *labels.iter().find(|label| named.contains(**label))?;
        let behind = |part: &'p str| part.strip_prefix(label)?.strip_prefix('-')?.parse::<Region>().ok();
        let is_it =
            |part: &str| part == label || part.strip_prefix(label).is_some_and(|rest| rest.starts_with('-'));
        let host = Host::of(parts, &self.domains, is_it);
        let (service, name) = host.service.zip(host.before)?;
        Some(SiteHost { label, name, region: behind(service).or(host.region).unwrap_or(self.default_region) })
    }

    /// Where a request goes; `None` when it is for nobody here.
    pub fn route(&self, asked: &Asked<'_>) -> Option<Routed<'_>> {
        let Asked { parts, scope, .. } = asked;
        let look_at_host = || Host::of(parts, &self.domains, |label| self.by_host.contains_key(label));
        let signed = scope.and_then(|scope| scope.region.parse().ok());
        let routed = |service, protocol, wanted| {
            let region = signed.or_else(|| look_at_host().region).unwrap_or(self.default_region);
            let labels = Vec::new();
            Routed {
                service,
                protocol,
                wanted,
                version: None,
                region,
                labels,
                implied: None,
                whole_path: None,
            }
        };
        if let Some(target) = header_text(&parts.headers, &AMZ_TARGET)
            && let Some((prefix, operation)) = target.rsplit_once('.')
            && let Some(entry) = self.by_target.get(prefix).and_then(|at| self.entries.get(*at))
        {
            return Some(routed(entry, json_version(parts, entry.def), wanted(entry.def, operation)));
        }
        if header_text(&parts.headers, &SMITHY_PROTOCOL) == Some("rpc-v2-cbor")
            && let Some((prefix, operation)) = cbor_path(parts.uri.path())
            && let Some(entry) = self.by_target.get(prefix).and_then(|at| self.entries.get(*at))
        {
            return Some(routed(entry, Protocol::Cbor, wanted(entry.def, operation)));
        }
        let host = look_at_host();
        let region = signed.or(host.region).unwrap_or(self.default_region);
        let scoped =
            scope.and_then(|scope| self.by_scope.get(&*scope.service)).map_or(&[][..], Vec::as_slice);
        let hosted = host.service.and_then(|name| self.by_host.get(name)).map_or(&[][..], Vec::as_slice);
        let candidates = if scoped.is_empty() { hosted } else { scoped };
        if let Some(found) = self.by_action(asked, candidates, region) {
            return Some(found);
        }
        let fallback = self.fallback.as_slice();
        let candidates = if candidates.is_empty() && scope.is_none() { fallback } else { candidates };
        self.by_path(asked, candidates, &host, region)
    }

    /// The query protocols: a form, or a query string, with `Action`.
    fn by_action(&self, asked: &Asked<'_>, candidates: &[usize], region: Region) -> Option<Routed<'_>> {
        let query = asked.parts.uri.query().map(str::as_bytes);
        let value = |key| {
            let places = [asked.form, query].into_iter().flatten();
            places.filter_map(|place| form_value(place, key)).next()
        };
        let action = value("Action")?;
        let version = value("Version");
        let path = asked.parts.uri.path();
        let speaks = |entry: &&Entry| entry.query_protocol().is_some();
        let given = candidates.iter().filter_map(|at| self.entries.get(*at)).filter(speaks);
        let by_path = self.entries.iter().filter(speaks).filter(|entry| entry.path_hint(path).is_some());
        // A path says more than a version, which many services share.
        let all: Vec<&Entry> = match candidates.is_empty() {
            false => given.collect(),
            true => by_path.chain(self.entries.iter().filter(speaks)).collect(),
        };
        let fits = |entry: &&&Entry| version.as_deref() == Some(entry.def.version);
        let knows = |entry: &&&Entry| knows(entry.def, &action);
        // A version of before is one of the service whose own comes next.
        let reaches = |entry: &&&Entry| version.as_deref().is_none_or(|asked| asked <= entry.def.version);
        let mut found = all.iter().find(|entry| fits(entry) && knows(entry));
        // Where the service is named, its version says which of its tables is meant.
        found = found.or_else(|| all.iter().find(|entry| fits(entry) && !candidates.is_empty()));
        found =
            found.or_else(|| all.iter().filter(knows).filter(reaches).min_by_key(|entry| entry.def.version));
        found = found.or_else(|| all.iter().find(knows));
        found = found.or_else(|| all.iter().find(fits));
        if found.is_none() && !candidates.is_empty() {
            found = all.first();
        }
        let entry = found?;
        let hint = entry.path_hint(path).filter(|hint| value(hint.param).is_none());
        let implied = hint.map(|hint| (hint.param, absolute_url(asked)));
        Some(Routed {
            service: entry,
            protocol: entry.query_protocol()?,
            wanted: wanted(entry.def, &action),
            version: version.map(Cow::into_owned),
            region,
            labels: Vec::new(),
            implied,
            whole_path: None,
        })
    }

    /// The REST protocols, and whatever cannot be told.
    fn by_path(
        &self,
        asked: &Asked<'_>,
        candidates: &[usize],
        host: &Host<'_>,
        region: Region,
    ) -> Option<Routed<'_>> {
        let parts = asked.parts;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let mut first = None;
        let all = || candidates.iter().filter_map(|at| self.entries.get(*at));
        // Whoever is told by a header comes first where it is there, and not at all where it is not.
        let told = all()
            .filter(|entry| entry.def.routing.marker.is_some_and(|name| parts.headers.contains_key(name)));
        for entry in told.chain(all().filter(|entry| entry.def.routing.marker.is_none())) {
            let before = entry.first_segment(host, region);
            let path = match &before {
                Some(segment) => Cow::Owned(["/", segment, parts.uri.path()].concat()),
                None => Cow::Borrowed(parts.uri.path()),
            };
            first.get_or_insert((entry, before));
            if let Some((target, labels)) = entry.rest.find(&parts.method, &path, &query, &parts.headers) {
                let protocol = entry.rest_protocol();
                let wanted = match target {
                    Target::Served(op) => Wanted::Served(op),
                    Target::Unserved(name) => Wanted::Unserved(name.to_owned()),
                };
                let whole_path = match path {
                    Cow::Owned(path) => Some(path),
                    Cow::Borrowed(_) => None,
                };
                let (service, version, implied) = (entry, None, None);
                return Some(Routed {
                    service,
                    protocol,
                    wanted,
                    version,
                    region,
                    labels,
                    implied,
                    whole_path,
                });
            }
        }
        let (entry, before) = first?;
        let wanted = Wanted::Unknown(String::new());
        let of_form = asked.form.and_then(|_| entry.query_protocol());
        let protocol = of_form.unwrap_or_else(|| entry.rest_protocol());
        let whole_path = before.map(|segment| ["/", &segment, parts.uri.path()].concat());
        let (service, version, labels, implied) = (entry, None, Vec::new(), None);
        Some(Routed { service, protocol, wanted, version, region, labels, implied, whole_path })
    }
}

impl Entry {
    fn query_protocol(&self) -> Option<Protocol> {
        let mut spoken = self.def.protocols.iter().copied();
        spoken.find(|protocol| matches!(protocol, Protocol::Query | Protocol::Ec2))
    }

    /// The REST protocol; the first of all for a service that has none.
    fn rest_protocol(&self) -> Protocol {
        let mut spoken = self.def.protocols.iter().copied();
        let rest = spoken.find(|protocol| matches!(protocol, Protocol::RestJson | Protocol::RestXml));
        rest.or_else(|| self.def.protocols.first().copied()).unwrap_or(Protocol::RestJson)
    }

    /// What the host says of the path: the label before the service's, or the ARN of an account's resource, encoded.
    fn first_segment<'h>(&self, host: &Host<'h>, region: Region) -> Option<Cow<'h, str>> {
        let routing = &self.def.routing;
        for AccountHost { label, kind } in routing.account_hosts {
            let named = host.service.map_or(host.alone, |service| host.before.filter(|_| service == *label));
            if let Some((name, account)) = named.and_then(of_account) {
                let (partition, service) = (region.partition(), self.def.signing_name);
                let arn = format!("arn:{partition}:{service}:{region}:{account}:{kind}%2F{name}");
                return Some(Cow::Owned(arn));
            }
        }
        // Clients that know only where the cloud is put the label right before that.
        host.before.or(host.alone).filter(|_| routing.virtual_hosts).map(Cow::Borrowed)
    }

    fn path_hint(&self, path: &str) -> Option<&'static PathHint> {
        self.def.routing.paths.iter().find(|hint| hints::matches(hint, path))
    }
}

/// A label `name-account`.
fn of_account(label: &str) -> Option<(&str, AccountId)> {
    let (name, account) = label.rsplit_once('-').filter(|(name, _)| !name.is_empty())?;
    Some((name, account.parse().ok()?))
}

fn knows(def: &ServiceDef, operation: &str) -> bool {
    def.op(operation).is_some() || def.is_unserved(operation)
}

fn wanted(def: &'static ServiceDef, operation: &str) -> Wanted {
    match def.op(operation) {
        Some(op) => Wanted::Served(op),
        None if def.is_unserved(operation) => Wanted::Unserved(operation.to_owned()),
        None => Wanted::Unknown(operation.to_owned()),
    }
}

/// By content type; by the service's preference where that says nothing.
fn json_version(parts: &Parts, def: &ServiceDef) -> Protocol {
    let said = header_text(&parts.headers, CONTENT_TYPE).unwrap_or_default();
    let mut spoken = def.protocols.iter().copied();
    match said.split(';').next().map(str::trim) {
        Some("application/x-amz-json-1.0") => Protocol::Json10,
        Some("application/x-amz-json-1.1") => Protocol::Json11,
        _ => {
            spoken.find(|one| matches!(one, Protocol::Json10 | Protocol::Json11)).unwrap_or(Protocol::Json10)
        }
    }
}

/// `…/service/{prefix}/operation/{name}`
fn cbor_path(path: &str) -> Option<(&str, &str)> {
    let mut back = path.rsplitn(5, '/');
    match (back.next(), back.next(), back.next(), back.next()) {
        (Some(name), Some("operation"), Some(prefix), Some("service")) => Some((prefix, name)),
        _ => None,
    }
}

/// The URL as the client wrote it, without its query.
fn absolute_url(asked: &Asked<'_>) -> String {
    let scheme = if asked.secure { "https://" } else { "http://" };
    let parts = asked.parts;
    [scheme, authority(parts).unwrap_or("localhost"), parts.uri.path()].concat()
}

#[cfg(test)]
mod tests;
