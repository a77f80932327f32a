//! Certificates of servers. Their keys go in and never come out.

use std::sync::Arc;

use api_iam::{
    DeleteServerCertificateRequest, GetServerCertificateRequest, GetServerCertificateResponse,
    ListServerCertificatesRequest, ListServerCertificatesResponse, ServerCertificate as Shown,
    ServerCertificateMetadata, UpdateServerCertificateRequest, UploadServerCertificateRequest,
    UploadServerCertificateResponse,
};
use kernel::{Arn, Ctx, Error, Event, KeyedCertificate, Result, Scope};
use serde_json::Value;

use super::{at, has_prefix, new_id, page};
use crate::errors;
use crate::rules::certificate;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::server_certificate::{self, ServerCertificate};
use crate::state::{certificate_use, home, seal};

fn metadata(home: &Scope, of: &ServerCertificate) -> ServerCertificateMetadata {
    ServerCertificateMetadata {
        path: of.path.clone(),
        server_certificate_name: of.name.clone(),
        server_certificate_id: of.id.clone(),
        arn: of.arn(home),
        upload_date: Some(at(of.uploaded_at)),
        expiration: Some(at(of.expires_at)),
    }
}

pub async fn upload_server_certificate(
    ctx: &Ctx,
    input: UploadServerCertificateRequest,
) -> Result<UploadServerCertificateResponse> {
    let (body, chain) = (input.certificate_body, input.certificate_chain);
    let expires_at = certificate::check(&body, &input.private_key, chain.as_deref())?;
    let (home, id) = (home(ctx), new_id(ctx, "ASCA"));
    let new = ServerCertificate {
        name: input.server_certificate_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        sealed_key: seal::seal(ctx, &id, input.private_key.as_bytes())?,
        id,
        uploaded_at: ctx.now(),
        expires_at,
        body,
        chain,
        tags: Tags::new(input.tags)?,
    };
    let answer = UploadServerCertificateResponse {
        server_certificate_metadata: Some(metadata(&home, &new)),
        tags: new.tags.shown(),
    };
    change(ctx, move |tx| server_certificate::insert(tx, &home, &new)).await?;
    Ok(answer)
}

/// The certificate an ARN names, with its key, for services that serve it.
pub async fn keyed(ctx: &Ctx, arn: Arn) -> Result<Option<KeyedCertificate>> {
    let home = home(ctx);
    let text = arn.to_string();
    let name = text.rsplit('/').next().unwrap_or_default().to_owned();
    let found = ctx.read(|snap| Ok(server_certificate::get(snap, &home, &name).ok())).await?;
    let Some(found) = found.filter(|found| found.arn(&home) == text) else { return Ok(None) };
    let key = String::from_utf8(seal::open(ctx, &found.id, &found.sealed_key)?).map_err(Error::internal)?;
    let chain = [found.body.trim(), found.chain.as_deref().unwrap_or_default()].join("\n");
    Ok(Some(KeyedCertificate { chain, key }))
}

pub async fn get_server_certificate(
    ctx: &Ctx,
    input: GetServerCertificateRequest,
) -> Result<GetServerCertificateResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| server_certificate::get(snap, &home, &input.server_certificate_name)).await?;
    let server_certificate = Shown {
        server_certificate_metadata: metadata(&home, &found),
        certificate_body: found.body,
        certificate_chain: found.chain,
        tags: found.tags.shown(),
    };
    Ok(GetServerCertificateResponse { server_certificate })
}

pub async fn list_server_certificates(
    ctx: &Ctx,
    input: ListServerCertificatesRequest,
) -> Result<ListServerCertificatesResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| server_certificate::list(snap, &home)).await?;
    let found = found.into_iter().filter(|one| has_prefix(&one.path, input.path_prefix.as_ref()));
    let marker = input.marker.as_deref();
    let page = page(ctx, "ListServerCertificates", marker, input.max_items, found, |one| &one.name)?;
    Ok(ListServerCertificatesResponse {
        server_certificate_metadata_list: page.items.iter().map(|one| metadata(&home, one)).collect(),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn update_server_certificate(ctx: &Ctx, input: UpdateServerCertificateRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let known = server_certificate::get(tx, &home, &input.server_certificate_name)?;
        let before = known.name.clone();
        let after = ServerCertificate {
            name: input.new_server_certificate_name.clone().unwrap_or_else(|| known.name.clone()),
            path: input.new_path.clone().unwrap_or_else(|| known.path.clone()),
            ..known
        };
        server_certificate::rename(tx, &home, &before, &after)
    })
    .await
}

pub async fn delete_server_certificate(ctx: &Ctx, input: DeleteServerCertificateRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let known = server_certificate::get(tx, &home, &input.server_certificate_name)?;
        if let Some(user) = certificate_use::find(tx, &home, &known.arn(&home))? {
            return Err(errors::certificate_in_use(&known.name, &user));
        }
        server_certificate::delete(tx, &home, &input.server_certificate_name)
    })
    .await
}

/// A resource uses these certificates from now on, and no others.
pub async fn used(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let Some(user) = event.detail.get("resource").and_then(Value::as_str) else { return Ok(()) };
    let named = event.detail.get("certificates").and_then(Value::as_array).into_iter().flatten();
    let ours = named.filter_map(Value::as_str).filter(|arn| arn.contains(":server-certificate/"));
    let ours = ours.map(str::to_owned).collect();
    let home = home(ctx);
    ctx.write(|tx| certificate_use::put(tx, &home, user, &ours)).await
}
