//! Operations on key pairs.

use api_ec2 as api;
use kernel::{Access, Ctx, Result, Scope, Tx};
use shape::Timestamp;

use super::page::check_dry_run;
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::key_pair::{self as rules, KeyType};
use crate::rules::tag::{of_specifications, shown};
use crate::state::id::{Id, KeyPairId};
use crate::state::key_pair::{self, KeyPair};
use crate::state::tag::{self, Tags};

pub fn access(scope: &Scope, name: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("key-pair/{}", name.unwrap_or("*")))))
}

pub async fn create_key_pair(ctx: &Ctx, input: api::CreateKeyPairRequest) -> Result<api::KeyPair> {
    let name = rules::check_name(&input.key_name)?;
    let key_type = KeyType::parse(input.key_type.as_deref())?;
    rules::check_format(input.key_format.as_deref())?;
    let tags = check_tags(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    // Looked at before the key is made: that takes long, and a name that is taken should be told at once.
    if ctx.read(|snap| key_pair::find(snap, ctx.scope(), name)).await?.is_some() {
        return Err(errors::key_pair_duplicate(name));
    }
    let made = make(ctx, key_type, name).await?;
    let pair = KeyPair {
        id: KeyPairId::fresh(ctx.ids()),
        name: name.to_owned(),
        key_type,
        fingerprint: made.fingerprint,
        public_key: made.public.to_openssh(name),
        created_at: ctx.now(),
    };
    ctx.write(|tx| key_pair::insert(tx, ctx.scope(), &pair, tags.clone())).await?;
    Ok(api::KeyPair {
        key_pair_id: Some(pair.id.to_string()),
        tags: shown(&tags),
        key_name: Some(pair.name),
        key_fingerprint: Some(pair.fingerprint),
        key_material: Some(made.private_pem),
    })
}

pub async fn import_key_pair(
    ctx: &Ctx,
    input: api::ImportKeyPairRequest,
) -> Result<api::ImportKeyPairResult> {
    let name = rules::check_name(&input.key_name)?;
    let key = rules::check_material(&input.public_key_material)?;
    let tags = check_tags(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let pair = KeyPair {
        id: KeyPairId::fresh(ctx.ids()),
        name: name.to_owned(),
        key_type: KeyType::of(&key),
        fingerprint: key.imported_fingerprint(),
        public_key: key.to_openssh(name),
        created_at: ctx.now(),
    };
    ctx.write(|tx| key_pair::insert(tx, ctx.scope(), &pair, tags.clone())).await?;
    Ok(api::ImportKeyPairResult {
        key_pair_id: Some(pair.id.to_string()),
        tags: shown(&tags),
        key_name: Some(pair.name),
        key_fingerprint: Some(pair.fingerprint),
    })
}

fn check_tags(given: Option<Vec<api::TagSpecification>>) -> Result<Tags> {
    Ok(of_specifications(given, &[KeyPairId::RESOURCE])?.remove(KeyPairId::RESOURCE).unwrap_or_default())
}

/// Deleting what is not there succeeds, as AWS has it.
pub async fn delete_key_pair(
    ctx: &Ctx,
    input: api::DeleteKeyPairRequest,
) -> Result<api::DeleteKeyPairResult> {
    if input.key_name.is_none() && input.key_pair_id.is_none() {
        return Err(errors::missing("KeyName"));
    }
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let deleted = ctx
        .write(|tx: &mut Tx<'_, '_>| {
            let found = match (&input.key_name, &input.key_pair_id) {
                (Some(name), _) => key_pair::find(tx, &scope, name)?,
                (None, id) => key_pair::all(tx, &scope)?
                    .into_iter()
                    .find(|pair| Some(pair.id.as_str()) == id.as_deref()),
            };
            if let Some(pair) = &found {
                key_pair::delete(tx, &scope, pair)?;
            }
            Ok(found)
        })
        .await?;
    let key_pair_id = deleted.map(|pair| pair.id.to_string());
    Ok(api::DeleteKeyPairResult { r#return: Some(true), key_pair_id })
}

const FILTERS: &[&str] = &["fingerprint", "key-name", "key-pair-id"];

pub async fn describe_key_pairs(
    ctx: &Ctx,
    input: api::DescribeKeyPairsRequest,
) -> Result<api::DescribeKeyPairsResult> {
    let filters = Filters::check(input.filters, FILTERS)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (pairs, tags) =
        ctx.read(|snap| Ok((key_pair::all(snap, &scope)?, tag::of_all::<KeyPairId>(snap, &scope)?))).await?;
    let names = input.key_names.unwrap_or_default();
    if let Some(absent) = names.iter().find(|name| !pairs.iter().any(|pair| pair.name == **name)) {
        return Err(errors::key_pair_not_found(absent));
    }
    let ids = input.key_pair_ids.unwrap_or_default();
    if let Some(absent) = ids.iter().find(|id| !pairs.iter().any(|pair| pair.id.as_str() == **id)) {
        return Err(errors::key_pair_id_not_found(absent));
    }
    let is_wanted = |pair: &KeyPair| {
        (names.is_empty() || names.contains(&pair.name))
            && (ids.is_empty() || ids.iter().any(|id| id == pair.id.as_str()))
    };
    let none = Tags::new();
    let mut shown_pairs = Vec::new();
    for pair in pairs.into_iter().filter(is_wanted) {
        let tags = tags.get(pair.id.as_str()).unwrap_or(&none);
        let accepted = filters.accept(tags, |name| match name {
            "fingerprint" => vec![pair.fingerprint.clone()],
            "key-name" => vec![pair.name.clone()],
            _ => vec![pair.id.to_string()],
        });
        if accepted {
            shown_pairs.push(show(pair, tags, input.include_public_key == Some(true)));
        }
    }
    Ok(api::DescribeKeyPairsResult { key_pairs: Some(shown_pairs) })
}

fn show(pair: KeyPair, tags: &Tags, with_key: bool) -> api::KeyPairInfo {
    api::KeyPairInfo {
        key_pair_id: Some(pair.id.to_string()),
        key_type: Some(pair.key_type.name().to_owned()),
        tags: Some(shown(tags).unwrap_or_default()),
        public_key: with_key.then_some(pair.public_key),
        create_time: Some(Timestamp::from_millis(pair.created_at)),
        key_name: Some(pair.name),
        key_fingerprint: Some(pair.fingerprint),
    }
}

/// Makes a pair away from the threads that answer others: an RSA key takes some hundred milliseconds.
async fn make(ctx: &Ctx, key_type: KeyType, name: &str) -> Result<crate::rules::ssh::Made> {
    let (house, name) = (ctx.house().clone(), name.to_owned());
    let made = tokio::task::spawn_blocking(move || rules::make(key_type, &name, house.ids()));
    made.await.map_err(kernel::Error::internal)?
}
