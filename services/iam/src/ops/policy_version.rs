//! Versions of managed policies: at most five, one of which counts.

use api_iam::{
    CreatePolicyVersionRequest, CreatePolicyVersionResponse, DeletePolicyVersionRequest,
    GetPolicyVersionRequest, GetPolicyVersionResponse, ListPolicyVersionsRequest, ListPolicyVersionsResponse,
    PolicyVersion, SetDefaultPolicyVersionRequest,
};
use kernel::{Ctx, Result};

use super::{at, page};
use crate::errors;
use crate::rules::document;
use crate::state::directory::change;
use crate::state::home;
use crate::state::policy::{self, ManagedPolicy, Version};

const VERSIONS_MAX: usize = 5;

fn shown(policy: &ManagedPolicy, number: u32, version: &Version) -> PolicyVersion {
    PolicyVersion {
        document: None,
        version_id: Some(format!("v{number}")),
        is_default_version: Some(number == policy.default_version),
        create_date: Some(at(version.created_at)),
    }
}

/// The number of a version that is there.
fn find(policy: Option<&ManagedPolicy>, arn: &str, id: &str) -> Result<u32> {
    let number = id.strip_prefix('v').and_then(|number| number.parse().ok());
    let found = number.filter(|number| policy.is_some_and(|policy| policy.versions.contains_key(number)));
    found.ok_or_else(|| errors::no_such_version(arn, id))
}

/// Changes a policy of the customer's.
async fn edit<T: Send + 'static>(
    ctx: &Ctx,
    arn: String,
    mut f: impl FnMut(&mut ManagedPolicy) -> Result<T> + Send + 'static,
    missing: impl Fn() -> kernel::Error + Send + 'static,
) -> Result<T> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut policy = policy::find(tx, &home, &arn)?.ok_or_else(&missing)?;
        if policy.is_known {
            return Err(errors::policy_is_known());
        }
        let out = f(&mut policy)?;
        policy::put(tx, &home, &policy)?;
        Ok(out)
    })
    .await
}

pub async fn create_policy_version(
    ctx: &Ctx,
    input: CreatePolicyVersionRequest,
) -> Result<CreatePolicyVersionResponse> {
    let CreatePolicyVersionRequest { policy_arn: arn, policy_document, set_as_default } = input;
    document::check_managed(&policy_document)?;
    let now = ctx.now();
    let add = move |policy: &mut ManagedPolicy| {
        if policy.versions.len() >= VERSIONS_MAX {
            return Err(errors::too_many_versions());
        }
        policy.last_version += 1;
        if set_as_default.unwrap_or_default() {
            policy.default_version = policy.last_version;
        }
        policy.updated_at = now;
        let version = Version { document: policy_document.clone(), created_at: now };
        let answer = shown(policy, policy.last_version, &version);
        policy.versions.insert(policy.last_version, version);
        Ok(answer)
    };
    let missing = {
        let arn = arn.clone();
        move || errors::no_such_policy(&arn)
    };
    Ok(CreatePolicyVersionResponse { policy_version: Some(edit(ctx, arn, add, missing).await?) })
}

pub async fn get_policy_version(
    ctx: &Ctx,
    input: GetPolicyVersionRequest,
) -> Result<GetPolicyVersionResponse> {
    let home = home(ctx);
    let GetPolicyVersionRequest { policy_arn: arn, version_id } = input;
    let policy = ctx.read(|snap| policy::find(snap, &home, &arn)).await?;
    let number = find(policy.as_ref(), &arn, &version_id)?;
    let found = policy.as_ref().and_then(|policy| Some((policy, policy.versions.get(&number)?)));
    let policy_version = found.map(|(policy, version)| PolicyVersion {
        document: Some(document::shown(&version.document)),
        ..shown(policy, number, version)
    });
    Ok(GetPolicyVersionResponse { policy_version })
}

pub async fn list_policy_versions(
    ctx: &Ctx,
    input: ListPolicyVersionsRequest,
) -> Result<ListPolicyVersionsResponse> {
    let home = home(ctx);
    let policy = ctx.read(|snap| policy::get(snap, &home, &input.policy_arn)).await?;
    let versions = policy.versions.iter().rev();
    let versions = versions.map(|(number, version)| (format!("v{number}"), shown(&policy, *number, version)));
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "ListPolicyVersions", marker, max, versions, |(id, _)| id)?;
    let versions = page.items.into_iter().map(|(_, version)| version).collect();
    Ok(ListPolicyVersionsResponse {
        versions: Some(versions),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn delete_policy_version(ctx: &Ctx, input: DeletePolicyVersionRequest) -> Result<()> {
    let DeletePolicyVersionRequest { policy_arn: arn, version_id: id } = input;
    let (at, missing) = (arn.clone(), {
        let (arn, id) = (arn.clone(), id.clone());
        move || errors::no_such_version(&arn, &id)
    });
    let remove = move |policy: &mut ManagedPolicy| {
        let number = find(Some(policy), &at, &id)?;
        if number == policy.default_version {
            return Err(errors::default_version());
        }
        policy.versions.remove(&number);
        Ok(())
    };
    edit(ctx, arn, remove, missing).await
}

pub async fn set_default_policy_version(ctx: &Ctx, input: SetDefaultPolicyVersionRequest) -> Result<()> {
    let SetDefaultPolicyVersionRequest { policy_arn: arn, version_id: id } = input;
    let now = ctx.now();
    let (at, missing) = (arn.clone(), {
        let (arn, id) = (arn.clone(), id.clone());
        move || errors::no_such_version(&arn, &id)
    });
    let set = move |policy: &mut ManagedPolicy| {
        policy.default_version = find(Some(policy), &at, &id)?;
        policy.updated_at = now;
        Ok(())
    };
    edit(ctx, arn, set, missing).await
}
