//! The keys of identity providers, fetched from them when a token asks, and kept for a while.
//!
//! Source: OpenID Connect Discovery 1.0, 4: `<issuer>/.well-known/openid-configuration` names `jwks_uri`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::jwk::JwkSet;
use kernel::{Ctx, Millis, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::https;
use crate::errors;
use crate::rules::identity_token::{Unverified, candidates};

/// Keys by issuer and thumbprints, at most [`ProviderKeys::KEPT_MAX`].
#[derive(Default)]
pub struct ProviderKeys(Mutex<HashMap<(String, Vec<String>), Kept>>);

#[derive(Clone)]
struct Kept {
    keys: Arc<JwkSet>,
    at: Millis,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl ProviderKeys {
    pub const KEPT_MAX: usize = 256;
    const KEPT_MS: Millis = 600_000;
    /// Before that, a key nobody knows is not looked for anew.
    const ANEW_MS: Millis = 5_000;

    fn find(&self, provider: &(String, Vec<String>)) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(provider).cloned()
    }

    fn keep(&self, provider: (String, Vec<String>), kept: Kept) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= Self::KEPT_MAX {
            all.clear();
        }
        all.insert(provider, kept);
    }
}

/// The keys of the issuer of a token, of which one may have signed it.
///
/// # Errors
/// When they cannot be had.
pub async fn keys_for(ctx: &Ctx, token: &Unverified, thumbprints: &[String]) -> Result<Arc<JwkSet>> {
    let all = ctx.own::<ProviderKeys>();
    let provider = (token.issuer.clone(), thumbprints.to_vec());
    if let Some(kept) = all.find(&provider) {
        let age = ctx.now() - kept.at;
        let is_known = !candidates(token, &kept.keys).is_empty();
        if age < ProviderKeys::ANEW_MS || (is_known && age < ProviderKeys::KEPT_MS) {
            return Ok(kept.keys);
        }
    }
    let keys = Arc::new(fetch(&token.issuer, thumbprints).await?);
    all.keep(provider, Kept { keys: keys.clone(), at: ctx.now() });
    Ok(keys)
}

async fn fetch(issuer: &str, thumbprints: &[String]) -> Result<JwkSet> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let configuration: Configuration = get(&url, thumbprints).await?;
    if configuration.issuer != issuer {
        return Err(errors::no_verification_key());
    }
    get(&configuration.jwks_uri, thumbprints).await
}

async fn get<T: DeserializeOwned>(url: &str, thumbprints: &[String]) -> Result<T> {
    let body = https::get(url, thumbprints).await;
    let body = body.map_err(|cause| errors::no_verification_key().because(cause))?;
    serde_json::from_slice(&body).map_err(|cause| errors::no_verification_key().because(cause))
}
