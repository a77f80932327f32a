//! Sessions of somebody the caller vouches for.

use api_sts::{FederatedUser, GetFederationTokenRequest, GetFederationTokenResponse};
use kernel::sessions::Parent;
use kernel::{Access, Ctx, Principal, Result, Scope, SessionGrant, SessionOf};

use super::{check_policies, issue};
use crate::errors;
use crate::rules::{duration, narrowing, tags};

fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:sts::{}:federated-user/{name}", scope.partition(), scope.account)
}

pub(crate) fn access(scope: &Scope, input: &GetFederationTokenRequest) -> Result<Access> {
    let access = Access::on(arn(scope, &input.name)).request_tags(tags::pairs(input.tags.as_deref()));
    Ok(access.also_to_tag("sts:TagSession"))
}

pub(crate) async fn get_federation_token(
    ctx: &Ctx,
    input: GetFederationTokenRequest,
) -> Result<GetFederationTokenResponse> {
    let caller = ctx.caller();
    if caller.session.is_some() {
        return Err(errors::needs_lasting_credentials("GetFederationToken"));
    }
    let parent = match &caller.principal {
        Principal::Root => None,
        Principal::Identity { arn, unique_id } => {
            Some(Parent { arn: arn.to_string(), unique_id: unique_id.to_string() })
        }
        Principal::Service(_) | Principal::Anonymous => return Err(errors::needs_user("GetFederationToken")),
    };
    let (arn, unique_id) = (arn(ctx.scope(), &input.name), format!("{}:{}", caller.account, input.name));
    let federated_user = FederatedUser { federated_user_id: unique_id.clone(), arn: arn.clone() };
    let lasts = duration::of_user(input.duration_seconds, parent.is_none());
    let of = SessionOf::Federated { arn, unique_id, parent };
    let until = ctx.now() + i64::from(lasts) * 1_000;
    let grant = SessionGrant {
        policy: narrowing::check_policy(input.policy)?,
        policy_arns: narrowing::check_arns(input.policy_arns)?,
        tags: tags::check(input.tags)?,
        ..SessionGrant::new(caller.account, of, ctx.now(), until)
    };
    check_policies(ctx, &grant).await?;
    let (credentials, packed_policy_size) = issue(ctx, &grant)?;
    Ok(GetFederationTokenResponse {
        credentials: Some(credentials),
        federated_user: Some(federated_user),
        packed_policy_size,
    })
}
