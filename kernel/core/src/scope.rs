//! Whose data: the account and region that prefix every key.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, Arn, Partition, Region};

/// An account in a region. Nothing is stored outside of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub account: AccountId,
    pub region: Region,
}

impl Scope {
    pub fn partition(&self) -> Partition {
        self.region.partition()
    }

    /// The ARN of a regional resource of this account.
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> String {
        let (partition, account) = (self.partition().as_str(), self.account.digits());
        let account = std::str::from_utf8(&account).unwrap_or_default();
        let mut arn =
            ["arn:", partition, ":", service, ":", self.region.as_str(), ":", account, ":"].concat();
        // Writing to a string cannot fail.
        let _ = write!(arn, "{resource}");
        arn
    }

    /// The scope an ARN lies in; `None` when it names no region or account.
    pub fn of_arn(arn: &Arn) -> Option<Self> {
        Some(Self { account: arn.account.parse().ok()?, region: arn.region.parse().ok()? })
    }
}
