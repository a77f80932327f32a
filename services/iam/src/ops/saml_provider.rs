//! SAML providers: make, show, list, change, delete.

use api_iam::{
    CreateSAMLProviderRequest, CreateSAMLProviderResponse, DeleteSAMLProviderRequest, GetSAMLProviderRequest,
    GetSAMLProviderResponse, ListSAMLProvidersRequest, ListSAMLProvidersResponse, SAMLProviderListEntry,
    UpdateSAMLProviderRequest, UpdateSAMLProviderResponse,
};
use kernel::{Ctx, Result};

use super::at;
use crate::rules::saml_metadata;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::home;
use crate::state::saml_provider::{self, SamlProvider};

pub async fn create_saml_provider(
    ctx: &Ctx,
    input: CreateSAMLProviderRequest,
) -> Result<CreateSAMLProviderResponse> {
    let home = home(ctx);
    let new = SamlProvider {
        name: input.name,
        created_at: ctx.now(),
        valid_until: saml_metadata::read(&input.saml_metadata_document)?.valid_until,
        metadata: input.saml_metadata_document,
        tags: Tags::new(input.tags)?,
    };
    let answer =
        CreateSAMLProviderResponse { saml_provider_arn: Some(new.arn(&home)), tags: new.tags.shown() };
    change(ctx, move |tx| saml_provider::insert(tx, &home, &new)).await?;
    Ok(answer)
}

pub async fn get_saml_provider(ctx: &Ctx, input: GetSAMLProviderRequest) -> Result<GetSAMLProviderResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| saml_provider::get(snap, &home, &input.saml_provider_arn)).await?;
    Ok(GetSAMLProviderResponse {
        saml_metadata_document: Some(found.metadata),
        create_date: Some(at(found.created_at)),
        valid_until: found.valid_until.map(at),
        tags: Some(found.tags.listed()),
        ..GetSAMLProviderResponse::default()
    })
}

pub async fn list_saml_providers(
    ctx: &Ctx,
    _: ListSAMLProvidersRequest,
) -> Result<ListSAMLProvidersResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| saml_provider::list(snap, &home)).await?;
    let entry = |provider: SamlProvider| SAMLProviderListEntry {
        arn: Some(provider.arn(&home)),
        valid_until: provider.valid_until.map(at),
        create_date: Some(at(provider.created_at)),
    };
    let list = found.into_iter().map(entry).collect();
    Ok(ListSAMLProvidersResponse { saml_provider_list: Some(list) })
}

pub async fn update_saml_provider(
    ctx: &Ctx,
    input: UpdateSAMLProviderRequest,
) -> Result<UpdateSAMLProviderResponse> {
    let home = home(ctx);
    let (arn, document) = (input.saml_provider_arn.clone(), input.saml_metadata_document);
    let read = document.as_deref().map(saml_metadata::read).transpose()?;
    change(ctx, move |tx| {
        let mut known = saml_provider::get(tx, &home, &arn)?;
        if let (Some(document), Some(read)) = (&document, &read) {
            known.metadata.clone_from(document);
            known.valid_until = read.valid_until;
        }
        saml_provider::put(tx, &home, &known)
    })
    .await?;
    Ok(UpdateSAMLProviderResponse { saml_provider_arn: Some(input.saml_provider_arn) })
}

pub async fn delete_saml_provider(ctx: &Ctx, input: DeleteSAMLProviderRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| saml_provider::delete(tx, &home, &input.saml_provider_arn)).await
}
