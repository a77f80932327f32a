//! Signatures: read from headers and queries, and verified against a credential that exists.

use std::sync::{Arc, OnceLock};

use kernel::BoxFuture;
use kernel::arn::AccountId;
use kernel::caller::Principal;
use kernel::clock::FakeClock;
use kernel::credentials::{Credential, Credentials, NoCredential};
use wire::sigv4::{Accepts, Family, Payload, Presented, PresentedV2, Signing, Verifier};

use crate::{head, now};

struct OneKey;

impl Credentials for OneKey {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        let found = (access_key == "test").then(|| Credential {
            secret: "test".into(),
            account: "000000000000".parse::<AccountId>().expect("twelve digits"),
            principal: Principal::Root,
            session: None,
            expires_at: None,
            is_well_known: false,
        });
        Box::pin(std::future::ready(found.ok_or(NoCredential::Unknown)))
    }
}

pub(crate) const ACCEPTS: [Accepts; 2] = [
    Accepts { signing: Signing::Common, scope: "sqs", aliases: &[] },
    Accepts { signing: Signing::ObjectStore, scope: "s3", aliases: &["sqs"] },
];

/// Verifies at 2026-01-01T00:00:00Z, where the seeds are good.
pub(crate) fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| Verifier::new(Arc::new(OneKey), Arc::new(FakeClock::default())))
}

/// Headers and presigned queries.
pub fn sigv4(data: &[u8]) {
    let Some((parts, _)) = head::request(data) else { return };
    for accepts in ACCEPTS {
        let families = [Family::Json, Family::RestJson, Family::Query, Family::Ec2, Family::ObjectStore];
        let family = families[data.len() % families.len()];
        let presented = match Presented::find(&parts) {
            Ok(Some(presented)) => presented,
            Ok(None) => return version2(&parts, family),
            Err(refusal) => {
                refusal.into_error(family);
                return;
            }
        };
        if let Err(refusal) = Payload::declared(&parts.headers, presented.is_presigned(), accepts.signing) {
            refusal.into_error(family);
        }
        if let Err(refusal) = now(verifier().verify(&parts, &presented, accepts, "UNSIGNED-PAYLOAD")) {
            refusal.into_error(family);
        }
    }
}

/// Queries signed the older way.
fn version2(parts: &http::request::Parts, family: Family) {
    let verified = match PresentedV2::find(parts) {
        Ok(Some(presented)) => now(verifier().verify_v2(parts, &presented, parts.uri.path())).map(|_| ()),
        Ok(None) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = verified {
        refusal.into_error(family);
    }
}
