//! The policy of a resource, and whom it names: by ARN in its text, by unique id in what is decided. A name may be given to
//! somebody else; an id never is.
//!
//! Source: IAM user guide, "AWS JSON policy elements: Principal".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// A policy as it is stored. One that names no user and no role is stored as its text alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResourcePolicy {
    Plain(String),
    Naming {
        /// As it was put.
        text: String,
        /// ARNs of users and roles in it, and their ids when it was put.
        named: BTreeMap<String, String>,
        /// The text with ids in the place of these ARNs.
        by_id: String,
    },
}

impl ResourcePolicy {
    /// The text that decides.
    pub fn decides(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Naming { by_id, .. } => by_id,
        }
    }

    /// The text as it was put.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Naming { text, .. } => text,
        }
    }

    /// A text made of an earlier one: its names mean whom they meant there.
    pub fn following(before: Option<&Self>, text: String) -> Self {
        match before {
            Some(Self::Naming { named, .. }) => Self::naming(text, named.clone()),
            Some(Self::Plain(_)) | None => Self::Plain(text),
        }
    }

    fn naming(text: String, named: BTreeMap<String, String>) -> Self {
        let by_id = policy::rename(&text, |name| named.get(name).map(String::as_str));
        Self::Naming { text, named, by_id }
    }
}

impl Ctx {
    /// A policy to be stored, with the ids of whom it names. A house in which nobody keeps identities takes all names as
    /// they are.
    ///
    /// # Errors
    /// `unknown`, given the ARN of a user or role that is not there.
    pub async fn resource_policy(
        &self,
        text: String,
        unknown: impl Fn(&str) -> Error,
    ) -> Result<ResourcePolicy> {
        let arns = policy::named(&text);
        let Some(identities) = self.house().identities(self.region()).filter(|_| !arns.is_empty()) else {
            return Ok(ResourcePolicy::Plain(text));
        };
        let mut named = BTreeMap::new();
        for name in arns {
            let arn = name.parse().map_err(|_| unknown(&name))?;
            let id = identities.id(&arn).await?.ok_or_else(|| unknown(&name))?;
            named.insert(name, id);
        }
        Ok(ResourcePolicy::naming(text, named))
    }

    /// The text of a policy to be shown: users and roles as they are named now, and by id when they are gone.
    ///
    /// # Errors
    /// When the identities cannot be read.
    pub async fn shown_policy(&self, policy: ResourcePolicy) -> Result<String> {
        let (text, named) = match policy {
            ResourcePolicy::Plain(text) => return Ok(text),
            ResourcePolicy::Naming { text, named, .. } => (text, named),
        };
        let Some(identities) = self.house().identities(self.region()) else { return Ok(text) };
        let mut new = BTreeMap::new();
        for (name, id) in named {
            let now = match name.parse() {
                Ok(arn) => identities.arn(&arn, &id).await?,
                Err(_) => None,
            };
            let now = now.unwrap_or(id);
            if now != name {
                new.insert(name, now);
            }
        }
        match new.is_empty() {
            true => Ok(text),
            false => Ok(policy::rename(&text, |name| new.get(name).map(String::as_str))),
        }
    }
}
