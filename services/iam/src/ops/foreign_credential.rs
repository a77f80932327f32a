//! Credentials for services that are not here (CodeCommit's SSH keys, passwords of single services, certificates of SOAP):
//! nobody can be given any, so nobody has any. Whoever deletes users asks for them first.

use api_iam::{
    ListSSHPublicKeysRequest, ListSSHPublicKeysResponse, ListServiceSpecificCredentialsRequest,
    ListServiceSpecificCredentialsResponse, ListSigningCertificatesRequest, ListSigningCertificatesResponse,
};
use kernel::{Ctx, Result};

use super::{Page, page, user_or_caller};
use crate::state::home;
use crate::state::identity::{self, Kind};

/// The one page there is, of a user that there is.
async fn none_of(ctx: &Ctx, user: Option<String>, marker: Option<&str>) -> Result<Page<String>> {
    let (home, name) = (home(ctx), user_or_caller(ctx, user)?);
    ctx.read(|snap| identity::get(snap, &home, Kind::User, &name)).await?;
    none(ctx, marker)
}

fn none(ctx: &Ctx, marker: Option<&str>) -> Result<Page<String>> {
    page(ctx, "foreign credentials", marker, None, Vec::new(), |name: &String| name)
}

pub async fn list_ssh_public_keys(
    ctx: &Ctx,
    input: ListSSHPublicKeysRequest,
) -> Result<ListSSHPublicKeysResponse> {
    let none = none_of(ctx, input.user_name, input.marker.as_deref()).await?;
    let ssh_public_keys = Some(Vec::new());
    Ok(ListSSHPublicKeysResponse { ssh_public_keys, is_truncated: none.is_truncated, marker: none.marker })
}

pub async fn list_signing_certificates(
    ctx: &Ctx,
    input: ListSigningCertificatesRequest,
) -> Result<ListSigningCertificatesResponse> {
    let none = none_of(ctx, input.user_name, input.marker.as_deref()).await?;
    let certificates = Vec::new();
    Ok(ListSigningCertificatesResponse { certificates, is_truncated: none.is_truncated, marker: none.marker })
}

pub async fn list_service_specific_credentials(
    ctx: &Ctx,
    input: ListServiceSpecificCredentialsRequest,
) -> Result<ListServiceSpecificCredentialsResponse> {
    let marker = input.marker.as_deref();
    let none = match input.all_users {
        Some(true) => none(ctx, marker)?,
        _ => none_of(ctx, input.user_name, marker).await?,
    };
    Ok(ListServiceSpecificCredentialsResponse {
        service_specific_credentials: Some(Vec::new()),
        is_truncated: none.is_truncated,
        marker: none.marker,
    })
}
