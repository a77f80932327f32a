//! The house's own paths: health, status, reset, the authority's certificate, what the host can do.

use std::sync::Arc;

use kernel::{AccountId, House, LocalRequest, LocalResponse};
use serde_json::{Value, json};
use wire::tls::Authority;

use crate::engines::Engines;

/// What the routes tell of.
pub(crate) struct Facts {
    pub(crate) house: Arc<House>,
    pub(crate) data: String,
    pub(crate) started_at: kernel::Millis,
    pub(crate) session: String,
    pub(crate) engines: Engines,
    pub(crate) ca: Arc<Authority>,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
const AUDIT_RECORDS_SHOWN: usize = 1_000;
const DECISIONS: &str = "/_cloudlet/decisions";
/// Decisions shown at one time.
const DECISIONS_MAX: usize = 100;

impl Facts {
    /// The answer to a path of the house; `None` when it is nobody's.
    pub(crate) async fn answer(&self, request: LocalRequest) -> Option<LocalResponse> {
        let read = matches!(request.method.as_str(), "GET" | "HEAD");
        let answer = match request.path.as_str() {
            "/_localstack/health" | "/_cloudlet/health" | "/health" if read => json!({
                "services": self.services(),
                "edition": "cloudlet",
                "version": VERSION,
                "identity": self.house.mode().word(),
                "trouble": self.house.store().trouble(),
            }),
            "/_localstack/info" if read => self.info(),
            "/_cloudlet/status" | "/_cloudlet/capabilities" if read && !request.from_loopback => {
                return Some(only_from_here());
            }
            "/_cloudlet/status" if read => self.status(),
            "/_cloudlet/capabilities" if read => self.engines.capabilities().await,
            "/_cloudlet/usage" if read => return Some(self.usage(&request).await),
            "/_cloudlet/audit" if read => return Some(self.audit(&request)),
            path if read && path.starts_with(DECISIONS) => return Some(self.decisions(&request).await),
            "/_cloudlet/root/off" | "/_cloudlet/root/on" => return Some(self.root(&request).await),
            "/_cloudlet/ca.pem" if read => {
                return Some(match self.ca.ca_pem() {
                    Ok(pem) => LocalResponse::text(200, pem),
                    Err(error) => LocalResponse::text(500, error.to_string()),
                });
            }
            "/_cloudlet/reset" | "/moto-api/reset" | "/_localstack/state/reset" => {
                return Some(self.reset(&request).await);
            }
            _ => return self.of_services(request).await,
        };
        Some(LocalResponse::json(200, &answer))
    }

    fn services(&self) -> Value {
        let state = if self.house.store().trouble().is_none() { "running" } else { "error" };
        self.house.services().map(|service| (service.name.to_owned(), json!(state))).collect()
    }

    fn info(&self) -> Value {
        json!({
            "version": VERSION,
            "edition": "cloudlet",
            "is_license_activated": false,
            "session_id": self.session,
            "machine_id": "cloudlet",
            "system": std::env::consts::OS,
            "is_docker": false,
            "uptime": (self.house.clock().now() - self.started_at) / 1_000,
        })
    }

    fn status(&self) -> Value {
        json!({
            "version": VERSION,
            "data": self.data,
            "uptime_seconds": (self.house.clock().now() - self.started_at) / 1_000,
            "resident_bytes": resident_bytes(),
            "trouble": self.house.store().trouble(),
            "identity": self.house.mode().word(),
            "root_credentials": if self.house.is_root_off() { "off" } else { "on" },
            "audit_records_lost": self.house.audit().lost(),
            "building": self.engines.building.step().map(|(percent, what)| json!({ "percent": percent, "what": what })),
            "services": self.services(),
            "controllers": self.house.controllers(),
        })
    }

    fn audit(&self, request: &LocalRequest) -> LocalResponse {
        if !request.from_loopback {
            return only_from_here();
        }
        LocalResponse::json(200, &json!({ "records": self.house.audit().latest(AUDIT_RECORDS_SHOWN) }))
    }

    async fn usage(&self, request: &LocalRequest) -> LocalResponse {
        if !request.from_loopback {
            return only_from_here();
        }
        match self.house.usage().await {
            Ok(totals) => LocalResponse::json(200, &json!({ "usage": totals })),
            Err(error) => failed(&error, "usage"),
        }
    }

    /// Decisions of a request, or the latest denials. Whoever is on this host may look, as they may reset.
    async fn decisions(&self, request: &LocalRequest) -> LocalResponse {
        if !request.from_loopback {
            return only_from_here();
        }
        let id = request.path.trim_start_matches(DECISIONS).trim_matches('/');
        let found = if id.is_empty() {
            let is_denial = |record: &Value| {
                record.get("decision").is_some_and(|is| is == "denied" || is == "would-be-denied")
            };
            let is_meant = |record: &Value| request.query("denied").is_none() || is_denial(record);
            self.house.audit_records("", is_meant, DECISIONS_MAX).await
        } else {
            let is_meant = |record: &Value| record.get("request_id").is_some_and(|found| found == id);
            self.house.audit_records(id, is_meant, DECISIONS_MAX).await
        };
        match found {
            Ok(found) if found.is_empty() && !id.is_empty() => {
                LocalResponse::text(404, "No decision of this request is on record.")
            }
            Ok(found) => LocalResponse::json(200, &json!({ "decisions": found })),
            Err(error) => failed(&error, "decisions"),
        }
    }

    async fn root(&self, request: &LocalRequest) -> LocalResponse {
        if request.method != "POST" {
            return LocalResponse::text(405, "Use POST.");
        }
        if !request.from_loopback {
            return only_from_here();
        }
        let account = request.query("account").map_or(Ok(AccountId::DEFAULT), str::parse);
        let Ok(account) = account else { return LocalResponse::text(400, "That is no account number.") };
        let done = match request.path.ends_with("/off") {
            true => self.house.turn_root_off(account).await,
            false => self.house.turn_root_on().await,
        };
        match done {
            Ok(()) => LocalResponse::json(200, &json!({ "status": "ok" })),
            Err(error) if error.status() < 500 => LocalResponse::text(error.status(), error.message()),
            Err(error) => failed(&error, "root"),
        }
    }

    async fn reset(&self, request: &LocalRequest) -> LocalResponse {
        if request.method != "POST" {
            return LocalResponse::text(405, "Use POST.");
        }
        if !request.from_loopback {
            return only_from_here();
        }
        match self.house.reset().await {
            Ok(()) => LocalResponse::json(200, &json!({ "status": "ok" })),
            Err(error) => {
                tracing::error!(%error, cause = error.cause().map(tracing::field::display), "reset failed");
                LocalResponse::text(500, "The reset failed; the log says why.")
            }
        }
    }

    /// A path that a service answers. These look into data, so they are for this host only.
    async fn of_services(&self, request: LocalRequest) -> Option<LocalResponse> {
        if !request.path.starts_with("/_") {
            return None;
        }
        if !request.from_loopback {
            return Some(only_from_here());
        }
        let path = request.path.clone();
        let answer = self.house.local(request).await?;
        Some(answer.unwrap_or_else(|error| {
            if error.status() >= 500 {
                tracing::error!(path, %error, cause = error.cause().map(tracing::field::display), "failed");
            }
            LocalResponse::json(error.status(), &json!({ "code": error.code(), "message": error.message() }))
        }))
    }
}

fn failed(error: &kernel::Error, what: &str) -> LocalResponse {
    tracing::error!(what, %error, cause = error.cause().map(tracing::field::display), "failed");
    LocalResponse::text(500, "That failed; the log says why.")
}

fn only_from_here() -> LocalResponse {
    LocalResponse::text(403, "Only from this host.")
}

/// What of this process is in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
