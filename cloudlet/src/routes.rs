//! The house's own paths: health, status, reset, the authority's certificate, what the host can do.

use std::sync::Arc;

use kernel::{House, LocalRequest, LocalResponse};
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

impl Facts {
    /// The answer to a path of the house; `None` when it is nobody's.
    pub(crate) async fn answer(&self, request: LocalRequest) -> Option<LocalResponse> {
        let read = matches!(request.method.as_str(), "GET" | "HEAD");
        let answer = match request.path.as_str() {
            "/_localstack/health" | "/_cloudlet/health" | "/health" if read => json!({
                "services": self.services(),
                "edition": "cloudlet",
                "version": VERSION,
            }),
            "/_localstack/info" if read => self.info(),
            "/_cloudlet/status" if read => self.status(),
            "/_cloudlet/capabilities" if read => self.engines.capabilities().await,
            "/_cloudlet/audit" if read => return Some(self.audit(&request)),
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
        self.house.services().map(|service| (service.name.to_owned(), json!("running"))).collect()
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
            "services": self.services(),
            "controllers": self.house.controllers(),
        })
    }

    fn audit(&self, request: &LocalRequest) -> LocalResponse {
        if !request.from_loopback {
            return only_from_here();
        }
        let records = self.house.audit().latest(AUDIT_RECORDS_SHOWN);
        LocalResponse::json(200, &json!({ "records": records }))
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
