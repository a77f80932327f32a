//! Whether an account has somebody besides root who can come in and let others in.

use kernel::{AccountId, Ctx, Result};
use policy::{Policies, Request, Who, decide};

use super::directory::{Applied, policies_of_named};
use super::identity::{self, Kind};
use super::{access_key, home_of};

/// Who may do this to themselves can make a key for whatever comes.
const ACTION: &str = "iam:CreateAccessKey";

/// A user with an active key whose policies let it make keys, whatever the conditions of a request.
pub async fn exists(ctx: &Ctx, account: AccountId) -> Result<bool> {
    let home = home_of(account, ctx.partition());
    let users = ctx
        .read(|snap| {
            let mut active = Vec::new();
            for user in identity::list(snap, &home, Kind::User)? {
                for id in &user.access_keys {
                    if access_key::find(snap, &home, id)?.is_some_and(|key| key.is_active) {
                        active.push(user.name.clone());
                        break;
                    }
                }
            }
            Ok(active)
        })
        .await?;
    for user in users {
        let found = policies_of_named(ctx, &home, Kind::User, &user).await?;
        if found.is_some_and(|user| is_administrator(&user, &account.to_string())) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_administrator(user: &Applied, account: &str) -> bool {
    let who = Who::User { account, arn: &user.arn, id: &user.id };
    let request = Request { who, action: ACTION, resource: &user.arn, owner: None, context: &() };
    let policies = Policies {
        identity: &user.grants.identity,
        boundary: user.grants.boundary.as_deref(),
        ..Policies::default()
    };
    decide(&request, &policies).is_allowed()
}
