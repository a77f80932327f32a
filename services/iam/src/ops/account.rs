//! The account's alias, and how much of everything it has.

use std::collections::BTreeMap;

use api_iam::{
    CreateAccountAliasRequest, DeleteAccountAliasRequest, GetAccountSummaryResponse,
    ListAccountAliasesRequest, ListAccountAliasesResponse,
};
use kernel::{Ctx, Result};

use super::page;
use crate::errors;
use crate::state::account::{self, Counted};
use crate::state::directory::change;
use crate::state::{home, mfa_device, policy};

pub async fn create_account_alias(ctx: &Ctx, input: CreateAccountAliasRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut account = account::get(tx, &home)?;
        account::take_alias(tx, &home, &input.account_alias)?;
        let before = account.alias.replace(input.account_alias.clone());
        if let Some(before) = before.filter(|before| *before != input.account_alias) {
            account::drop_alias(tx, &home, &before)?;
        }
        account::put(tx, &home, &account)
    })
    .await
}

pub async fn delete_account_alias(ctx: &Ctx, input: DeleteAccountAliasRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut account = account::get(tx, &home)?;
        if account.alias.as_ref() != Some(&input.account_alias) {
            return Err(errors::no_such_alias(&input.account_alias));
        }
        account.alias = None;
        account::drop_alias(tx, &home, &input.account_alias)?;
        account::put(tx, &home, &account)
    })
    .await
}

pub async fn list_account_aliases(
    ctx: &Ctx,
    input: ListAccountAliasesRequest,
) -> Result<ListAccountAliasesResponse> {
    let home = home(ctx);
    let account = ctx.read(|snap| account::get(snap, &home)).await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListAccountAliases", marker, max, account.alias, |alias| alias)?;
    let account_aliases = page.items;
    Ok(ListAccountAliasesResponse { account_aliases, is_truncated: page.is_truncated, marker: page.marker })
}

/// Quotas of AWS, besides those counted. Source: GetAccountSummary, IAM API reference.
const QUOTAS: [(&str, i32); 23] = [
    ("AccessKeysPerUserQuota", 2),
    ("AccountAccessKeysPresent", 0),
    ("AccountMFAEnabled", 0),
    ("AccountPasswordPresent", 0),
    ("AccountSigningCertificatesPresent", 0),
    ("AssumeRolePolicySizeQuota", 2_048),
    ("AttachedPoliciesPerGroupQuota", 10),
    ("AttachedPoliciesPerRoleQuota", 10),
    ("AttachedPoliciesPerUserQuota", 10),
    ("GlobalEndpointTokenVersion", 1),
    ("GroupPolicySizeQuota", 5_120),
    ("GroupsPerUserQuota", 10),
    ("GroupsQuota", 300),
    ("InstanceProfilesQuota", 1_000),
    ("PoliciesQuota", 1_500),
    ("PolicySizeQuota", 6_144),
    ("PolicyVersionsInUseQuota", 10_000),
    ("RolePolicySizeQuota", 10_240),
    ("RolesQuota", 1_000),
    ("ServerCertificatesQuota", 20),
    ("SigningCertificatesPerUserQuota", 2),
    ("UserPolicySizeQuota", 2_048),
    ("UsersQuota", 5_000),
];

pub async fn get_account_summary(ctx: &Ctx, (): ()) -> Result<GetAccountSummaryResponse> {
    let home = home(ctx);
    let counts = ctx
        .read(|snap| {
            let devices = mfa_device::list(snap, &home)?;
            let in_use = devices.iter().filter(|device| device.user.is_some()).count();
            let versions: usize = policy::list(snap, &home)?.iter().map(|policy| policy.versions.len()).sum();
            let providers = account::counted(snap, &home, Counted::OidcProviders)?
                + account::counted(snap, &home, Counted::SamlProviders)?;
            let mut counts = vec![
                ("Providers", providers),
                ("MFADevicesInUse", i32::try_from(in_use).unwrap_or(i32::MAX)),
                ("PolicyVersionsInUse", i32::try_from(versions).unwrap_or(i32::MAX)),
                ("VersionsPerPolicyQuota", 5),
            ];
            for (name, what) in [
                ("Users", Counted::Users),
                ("Groups", Counted::Groups),
                ("Roles", Counted::Roles),
                ("Policies", Counted::Policies),
                ("InstanceProfiles", Counted::InstanceProfiles),
                ("MFADevices", Counted::MfaDevices),
                ("ServerCertificates", Counted::ServerCertificates),
            ] {
                counts.push((name, account::counted(snap, &home, what)?));
            }
            Ok(counts)
        })
        .await?;
    let all: BTreeMap<String, i32> =
        QUOTAS.into_iter().chain(counts).map(|(name, count)| (name.to_owned(), count)).collect();
    Ok(GetAccountSummaryResponse { summary_map: Some(all) })
}
