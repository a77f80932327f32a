//! What is stored, and how.

pub mod access_key;
pub mod access_report;
pub mod account;
pub mod administrator;
pub mod directory;
pub mod identity;
pub mod instance_profile;
pub mod keeper;
pub mod known_policy;
pub mod last_used;
pub mod mfa_device;
pub mod oidc_provider;
pub mod policy;
pub mod policy_use;
pub mod saml_provider;
pub mod seal;
pub mod server_certificate;
pub mod trusted;

use kernel::{AccountId, Ctx, Partition, Reader, Region, Result, Row, Scope, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where an account's identities are kept: beside its regions, so that every region sees the same.
pub fn home_of(account: AccountId, partition: Partition) -> Scope {
    let name = match partition {
        Partition::Aws => "aws-global",
        Partition::AwsCn => "cn-global",
        Partition::AwsUsGov => "us-gov-global",
    };
    let region: Region = name.parse().expect("a region's name");
    Scope { account, region }
}

/// [`home_of`] the account called.
pub fn home(ctx: &Ctx) -> Scope {
    home_of(ctx.account(), ctx.partition())
}

/// The ARN of a resource of this account.
pub fn arn(home: &Scope, resource: impl std::fmt::Display) -> String {
    format!("arn:{}:iam::{}:{resource}", home.partition(), home.account)
}

/// Names are unique without regard to case, and found so.
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Rows read at one time.
const BATCH: usize = 1_000;

/// Every record whose key begins with `prefix`, in order. Quotas bound how many there are.
pub fn all<R: Serialize + DeserializeOwned>(
    from: &mut impl Reader,
    table: &Table<R>,
    home: &Scope,
    prefix: impl kernel::Key + Copy,
) -> Result<Vec<Row<R>>> {
    let mut rows: Vec<Row<R>> = Vec::new();
    loop {
        let after = rows.last().map(|(key, _)| key.clone());
        let more = table.list(from, home, prefix, after.as_deref(), BATCH)?;
        let full = more.len() == BATCH;
        rows.extend(more);
        if !full {
            return Ok(rows);
        }
    }
}
