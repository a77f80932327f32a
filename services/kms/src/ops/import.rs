//! Material that a customer brings.

use api_kms::{
    DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, GetParametersForImportRequest,
    GetParametersForImportResponse, ImportKeyMaterialRequest, ImportKeyMaterialResponse,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::{Found, change, find_by_id, make_secret};
use crate::controllers::key::{Timed, timer};
use crate::errors;
use crate::rules::import::{Token, VALID_MS, check_algorithm, expiry, unwrap};
use crate::rules::key::check_kept;
use crate::rules::material::{Material, id_of};
use crate::rules::spec::Spec;
use crate::state::key::{MaterialOfKey, Origin};
use crate::state::material::{self, Vault};

/// Finds a key whose material is the customer's.
async fn find_external(ctx: &Ctx, key_id: &str) -> Result<Found> {
    let found = find_by_id(ctx, key_id).await?;
    if found.key.origin != Origin::External {
        return Err(errors::wrong_origin(&found.arn, found.key.origin.name()));
    }
    check_kept(&found.key, &found.arn)?;
    Ok(found)
}

/// What a token is bound to.
fn token_name(arn: &str) -> String {
    format!("kms import token {arn}")
}

pub async fn get_parameters_for_import(
    ctx: &Ctx,
    input: GetParametersForImportRequest,
) -> Result<GetParametersForImportResponse> {
    let found = find_external(ctx, &input.key_id).await?;
    check_algorithm(&input.wrapping_algorithm)?;
    let spec = Spec::parse(&input.wrapping_key_spec)?;
    let pkcs8 = make_secret(spec).await?;
    let public =
        Material::read(spec, &pkcs8).ok().and_then(|material| material.public_key().map(<[u8]>::to_vec));
    let expires_at = ctx.now() + VALID_MS;
    let token =
        Token { expires_at, algorithm: input.wrapping_algorithm, spec, pkcs8: STANDARD.encode(pkcs8) };
    let token = serde_json::to_vec(&token).map_err(kernel::Error::internal)?;
    let sealed = ctx.own::<Vault>().sealer().seal(token_name(&found.arn).as_bytes(), &token)?;
    Ok(GetParametersForImportResponse {
        key_id: Some(found.arn),
        import_token: Some(sealed.into()),
        public_key: Some(public.ok_or_else(errors::broken)?.into()),
        parameters_valid_to: Some(Timestamp::from_millis(expires_at)),
    })
}

pub async fn import_key_material(
    ctx: &Ctx,
    input: ImportKeyMaterialRequest,
) -> Result<ImportKeyMaterialResponse> {
    let found = find_external(ctx, &input.key_id).await?;
    let valid_to = input.valid_to.map(Timestamp::as_millis);
    let expires_at = expiry(input.expiration_model.as_deref(), valid_to, ctx.now())?;
    let bytes = open_import(ctx, &found, &input.import_token, &input.encrypted_key_material)?;
    let key_id = &found.key.id;
    Material::read(found.key.spec, &bytes).map_err(|_| errors::incorrect_material())?;
    let id = id_of(key_id, &bytes);
    let sealed = ctx.own::<Vault>().seal(&found.scope, key_id, &id, &bytes)?;
    let since = ctx.now();
    change(ctx, &found, |tx, key| {
        check_kept(key, &found.arn)?;
        // A key has one material for life: what comes again must be the same.
        match key.materials.first() {
            Some(known) if known.id != id => return Err(errors::incorrect_material()),
            Some(_) => {}
            None => key.materials.push(MaterialOfKey { id: id.clone(), since, rotated: None }),
        }
        key.current = Some(id.clone());
        key.expires_at = expires_at;
        let timer = timer(&found.scope, Timed::Expiry, key_id);
        match expires_at {
            Some(at) => tx.schedule(&timer, at)?,
            None => tx.unschedule(&timer)?,
        }
        material::put(tx, &found.scope, key_id, &id, &sealed)
    })
    .await?;
    let symmetric = found.key.spec == Spec::Symmetric;
    Ok(ImportKeyMaterialResponse { key_id: Some(found.arn), key_material_id: symmetric.then_some(id) })
}

fn open_import(ctx: &Ctx, found: &Found, token: &[u8], wrapped: &[u8]) -> Result<Vec<u8>> {
    let opened = ctx.own::<Vault>().sealer().open(token_name(&found.arn).as_bytes(), token);
    let opened = opened.map_err(|_| errors::invalid_import_token())?;
    let token: Token = serde_json::from_slice(&opened).map_err(|_| errors::invalid_import_token())?;
    if token.expires_at <= ctx.now() {
        return Err(errors::expired_import_token());
    }
    let pkcs8 = STANDARD.decode(&token.pkcs8).map_err(|_| errors::invalid_import_token())?;
    unwrap(&token, &pkcs8, wrapped)
}

pub async fn delete_imported_key_material(
    ctx: &Ctx,
    input: DeleteImportedKeyMaterialRequest,
) -> Result<DeleteImportedKeyMaterialResponse> {
    let found = find_external(ctx, &input.key_id).await?;
    let gone = change(ctx, &found, |tx, key| {
        check_kept(key, &found.arn)?;
        key.expires_at = None;
        let gone = key.current.take();
        if let Some(gone) = &gone {
            material::delete(tx, &found.scope, &key.id, gone)?;
        }
        tx.unschedule(&timer(&found.scope, Timed::Expiry, &key.id))?;
        Ok(gone)
    })
    .await?;
    if let Some(gone) = &gone {
        ctx.own::<Vault>().forget(gone);
    }
    let symmetric = found.key.spec == Spec::Symmetric;
    Ok(DeleteImportedKeyMaterialResponse {
        key_id: Some(found.arn),
        key_material_id: gone.filter(|_| symmetric),
    })
}
