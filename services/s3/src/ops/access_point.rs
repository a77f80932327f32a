//! Access points: made, shown, deleted.

use std::collections::BTreeMap;

use api_s3control::{
    CreateAccessPointRequest, CreateAccessPointResult, DeleteAccessPointRequest, GetAccessPointRequest,
    GetAccessPointResult, ListAccessPointsRequest, ListAccessPointsResult, PublicAccessBlockConfiguration,
    VpcConfiguration,
};
use kernel::{Access, Ctx, Result, Scope};

use super::date;
use crate::errors::{self, access_point as refused};
use crate::rules::access_point as rules;
use crate::state::access_point::{self as stored, AccessPoint, POINTS_MAX};
use crate::state::bucket::{self, PublicAccess};

const PAGE_MAX: i32 = 1_000;

/// Leave to do something with an access point, as its own operations do.
pub fn on_point(scope: &Scope, account: &str, name: &str) -> Result<Access> {
    Ok(Access::on(stored::arn(&of_account(scope, account)?, name)))
}

fn of_account(scope: &Scope, account: &str) -> Result<Scope> {
    Ok(Scope { account: rules::check_account(account)?, ..*scope })
}

pub fn create_access(scope: &Scope, input: &CreateAccessPointRequest) -> Result<Access> {
    let origin = if input.vpc_configuration.is_some() { "VPC" } else { "Internet" };
    Ok(on_point(scope, &input.account_id, &input.name)?
        .condition("s3:DataAccessPointAccount", [input.account_id.clone()])
        .condition(
            "s3:DataAccessPointArn",
            [stored::arn(&of_account(scope, &input.account_id)?, &input.name)],
        )
        .condition("s3:AccessPointNetworkOrigin", [origin.to_owned()]))
}

pub async fn create_access_point(
    ctx: &Ctx,
    input: CreateAccessPointRequest,
) -> Result<CreateAccessPointResult> {
    rules::check_name(&input.name)?;
    let scope = of_account(ctx.scope(), &input.account_id)?;
    let owner = input.bucket_account_id.as_deref().map(rules::check_account).transpose()?;
    let network = input.vpc_configuration.map(|vpc| vpc.vpc_id);
    if network.as_deref().is_some_and(|id| !id.starts_with("vpc-")) {
        return Err(refused::bad_network());
    }
    let public_access =
        input.public_access_block_configuration.map_or(PublicAccess::ALL, |given| PublicAccess {
            block_public_acls: given.block_public_acls.unwrap_or_default(),
            ignore_public_acls: given.ignore_public_acls.unwrap_or_default(),
            block_public_policy: given.block_public_policy.unwrap_or_default(),
            restrict_public_buckets: given.restrict_public_buckets.unwrap_or_default(),
        });
    let random: String = ctx.ids().hex(rules::ALIAS_RANDOM);
    let point = ctx
        .write(|tx| {
            let found =
                bucket::find(tx, &input.bucket)?.ok_or_else(|| errors::no_such_bucket(&input.bucket))?;
            if found.owner != owner.unwrap_or(scope.account) {
                return Err(errors::access_denied());
            }
            if found.region != scope.region {
                return Err(refused::other_region());
            }
            if stored::find(tx, &scope, &input.name)?.is_some() {
                return Err(refused::is_yours());
            }
            if stored::count(tx, &scope)? >= POINTS_MAX {
                return Err(refused::too_many());
            }
            let point = AccessPoint {
                name: input.name.clone(),
                account: scope.account,
                region: scope.region,
                alias: rules::alias(&input.name, &random),
                bucket: found.name,
                bucket_id: found.id,
                bucket_owner: found.owner,
                network: network.clone(),
                public_access,
                policy: None,
                created_at: ctx.now(),
            };
            stored::insert(tx, &point)?;
            Ok(point)
        })
        .await?;
    Ok(CreateAccessPointResult { access_point_arn: Some(point.arn()), alias: Some(point.alias) })
}

/// The access point of a request.
pub(super) async fn find(ctx: &Ctx, account: &str, name: &str) -> Result<AccessPoint> {
    let scope = of_account(ctx.scope(), account)?;
    let found = ctx.read(|snap| stored::find(snap, &scope, name)).await?;
    found.ok_or_else(refused::no_such_access_point)
}

/// Changes an access point, or deletes it where `edit` says that nothing stays.
pub(super) async fn change(
    ctx: &Ctx,
    account: &str,
    name: &str,
    edit: impl Fn(AccessPoint) -> Result<Option<AccessPoint>> + Send + Sync,
) -> Result<()> {
    let scope = of_account(ctx.scope(), account)?;
    ctx.write(|tx| {
        let found = stored::find(tx, &scope, name)?.ok_or_else(refused::no_such_access_point)?;
        match edit(found.clone())? {
            Some(changed) => stored::put(tx, &changed),
            None => stored::delete(tx, &found),
        }
    })
    .await
}

pub async fn delete_access_point(ctx: &Ctx, input: DeleteAccessPointRequest) -> Result<()> {
    change(ctx, &input.account_id, &input.name, |_| Ok(None)).await
}

pub async fn get_access_point(ctx: &Ctx, input: GetAccessPointRequest) -> Result<GetAccessPointResult> {
    let found = find(ctx, &input.account_id, &input.name).await?;
    let endpoints = [("ipv4", false), ("dualstack", true)]
        .map(|(kind, dual_stack)| (kind.to_owned(), rules::endpoint(found.region, dual_stack)));
    Ok(GetAccessPointResult {
        access_point_arn: Some(found.arn()),
        network_origin: Some(found.origin().to_owned()),
        endpoints: Some(BTreeMap::from(endpoints).into_iter().collect()),
        public_access_block_configuration: Some(shown_block(found.public_access)),
        bucket_account_id: Some(found.bucket_owner.to_string()),
        creation_date: date(found.created_at),
        vpc_configuration: found.network.map(|vpc_id| VpcConfiguration { vpc_id }),
        name: Some(found.name),
        bucket: Some(found.bucket),
        alias: Some(found.alias),
        ..GetAccessPointResult::default()
    })
}

fn shown_block(block: PublicAccess) -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    }
}

pub async fn list_access_points(ctx: &Ctx, input: ListAccessPointsRequest) -> Result<ListAccessPointsResult> {
    // Leave to list is leave to list one's own.
    if rules::check_account(&input.account_id)? != ctx.account() {
        return Err(errors::access_denied());
    }
    let size = match input.max_results.unwrap_or(PAGE_MAX) {
        n @ 0..=PAGE_MAX => usize::try_from(n).unwrap_or_default(),
        _ => return Err(refused::bad_page()),
    };
    let mut all = ctx.read(|snap| stored::list(snap, ctx.scope())).await?;
    all.retain(|point| input.bucket.as_ref().is_none_or(|bucket| *bucket == point.bucket));
    let page = ctx.cut_page("ListAccessPoints", all, input.next_token.as_deref(), size);
    let (page, next_token) = page.ok_or_else(refused::bad_token)?;
    let shown = |point: AccessPoint| api_s3control::AccessPoint {
        access_point_arn: Some(point.arn()),
        network_origin: point.origin().to_owned(),
        alias: Some(point.alias),
        bucket_account_id: Some(point.bucket_owner.to_string()),
        vpc_configuration: point.network.map(|vpc_id| VpcConfiguration { vpc_id }),
        name: point.name,
        bucket: point.bucket,
        ..api_s3control::AccessPoint::default()
    };
    let list = page.into_iter().map(shown).collect();
    Ok(ListAccessPointsResult { access_point_list: Some(list), next_token })
}
