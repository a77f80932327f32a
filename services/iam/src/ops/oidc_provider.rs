//! OpenID Connect providers: whose word is taken for who somebody is.

use api_iam::{
    AddClientIDToOpenIDConnectProviderRequest, CreateOpenIDConnectProviderRequest,
    CreateOpenIDConnectProviderResponse, DeleteOpenIDConnectProviderRequest, GetOpenIDConnectProviderRequest,
    GetOpenIDConnectProviderResponse, ListOpenIDConnectProvidersRequest, ListOpenIDConnectProvidersResponse,
    OpenIDConnectProviderListEntry, RemoveClientIDFromOpenIDConnectProviderRequest,
    UpdateOpenIDConnectProviderThumbprintRequest,
};
use kernel::{Ctx, Result};

use super::at;
use crate::errors;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::home;
use crate::state::oidc_provider::{self, Provider};

const THUMBPRINTS_MAX: usize = 5;
const CLIENTS_MAX: usize = 100;

fn check(provider: &Provider) -> Result<()> {
    if provider.thumbprints.len() > THUMBPRINTS_MAX {
        return Err(errors::invalid_input("Thumbprint list must contain fewer than 5 entries."));
    }
    if provider.clients.len() > CLIENTS_MAX {
        return Err(errors::over_quota("ClientIdsPerOpenIdConnectProvider", CLIENTS_MAX));
    }
    Ok(())
}

pub async fn create_open_id_connect_provider(
    ctx: &Ctx,
    input: CreateOpenIDConnectProviderRequest,
) -> Result<CreateOpenIDConnectProviderResponse> {
    let CreateOpenIDConnectProviderRequest { url, client_id_list, thumbprint_list, tags } = input;
    let home = home(ctx);
    let place = url.strip_prefix("https://").filter(|place| !place.is_empty() && !place.starts_with('/'));
    let place = place.ok_or_else(|| errors::validation("Invalid Open ID Connect Provider URL"))?;
    let provider = Provider {
        url: place.to_owned(),
        clients: client_id_list.unwrap_or_default(),
        thumbprints: thumbprint_list.unwrap_or_default(),
        created_at: ctx.now(),
        tags: Tags::new(tags)?,
    };
    check(&provider)?;
    let answer = CreateOpenIDConnectProviderResponse {
        open_id_connect_provider_arn: Some(provider.arn(&home)),
        tags: provider.tags.shown(),
    };
    change(ctx, move |tx| match oidc_provider::find(tx, &home, &provider.url)? {
        Some(_) => Err(errors::oidc_exists(&url)),
        None => oidc_provider::insert(tx, &home, &provider),
    })
    .await?;
    Ok(answer)
}

pub async fn get_open_id_connect_provider(
    ctx: &Ctx,
    input: GetOpenIDConnectProviderRequest,
) -> Result<GetOpenIDConnectProviderResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| oidc_provider::get(snap, &home, &input.open_id_connect_provider_arn)).await?;
    Ok(GetOpenIDConnectProviderResponse {
        url: Some(found.url),
        client_id_list: Some(found.clients),
        thumbprint_list: Some(found.thumbprints),
        create_date: Some(at(found.created_at)),
        tags: Some(found.tags.listed()),
    })
}

pub async fn list_open_id_connect_providers(
    ctx: &Ctx,
    _: ListOpenIDConnectProvidersRequest,
) -> Result<ListOpenIDConnectProvidersResponse> {
    let home = home(ctx);
    let found = ctx.read(|snap| oidc_provider::list(snap, &home)).await?;
    let entry = |provider: &Provider| OpenIDConnectProviderListEntry { arn: Some(provider.arn(&home)) };
    let list = found.iter().map(entry).collect();
    Ok(ListOpenIDConnectProvidersResponse { open_id_connect_provider_list: Some(list) })
}

async fn edit(ctx: &Ctx, arn: String, f: impl Fn(&mut Provider) + Send + 'static) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut provider = oidc_provider::get(tx, &home, &arn)?;
        f(&mut provider);
        check(&provider)?;
        oidc_provider::put(tx, &home, &provider)
    })
    .await
}

pub async fn add_client_id_to_open_id_connect_provider(
    ctx: &Ctx,
    input: AddClientIDToOpenIDConnectProviderRequest,
) -> Result<()> {
    let client = input.client_id;
    edit(ctx, input.open_id_connect_provider_arn, move |provider| {
        if !provider.clients.contains(&client) {
            provider.clients.push(client.clone());
        }
    })
    .await
}

pub async fn remove_client_id_from_open_id_connect_provider(
    ctx: &Ctx,
    input: RemoveClientIDFromOpenIDConnectProviderRequest,
) -> Result<()> {
    let client = input.client_id;
    edit(ctx, input.open_id_connect_provider_arn, move |provider| {
        provider.clients.retain(|known| *known != client);
    })
    .await
}

pub async fn update_open_id_connect_provider_thumbprint(
    ctx: &Ctx,
    input: UpdateOpenIDConnectProviderThumbprintRequest,
) -> Result<()> {
    let thumbprints = input.thumbprint_list;
    edit(ctx, input.open_id_connect_provider_arn, move |provider| {
        provider.thumbprints.clone_from(&thumbprints);
    })
    .await
}

pub async fn delete_open_id_connect_provider(
    ctx: &Ctx,
    input: DeleteOpenIDConnectProviderRequest,
) -> Result<()> {
    let home = home(ctx);
    let arn = input.open_id_connect_provider_arn;
    change(ctx, move |tx| {
        let provider =
            oidc_provider::get(tx, &home, &arn).map_err(|_| errors::no_such_oidc_to_delete(&arn))?;
        oidc_provider::delete(tx, &home, &provider.url)
    })
    .await
}
