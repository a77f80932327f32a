//! What is stored, and how.

pub mod access_key;
pub mod access_report;
pub mod account;
pub mod administrator;
pub mod certificate_use;
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

use kernel::{AccountId, Ctx, Partition, Region, Scope};

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
