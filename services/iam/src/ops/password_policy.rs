//! What the account demands of passwords.

use api_iam::{GetAccountPasswordPolicyResponse, PasswordPolicy, UpdateAccountPasswordPolicyRequest};
use kernel::{Ctx, Result};

use crate::errors;
use crate::state::account::{self, PasswordPolicy as Stored};
use crate::state::directory::change;
use crate::state::home;

/// Where a policy is set without saying so.
const LENGTH_MIN: i32 = 6;

pub async fn update_account_password_policy(
    ctx: &Ctx,
    input: UpdateAccountPasswordPolicyRequest,
) -> Result<()> {
    let home = home(ctx);
    let policy = Stored {
        length_min: input.minimum_password_length.unwrap_or(LENGTH_MIN),
        symbols: input.require_symbols.unwrap_or_default(),
        numbers: input.require_numbers.unwrap_or_default(),
        uppercase: input.require_uppercase_characters.unwrap_or_default(),
        lowercase: input.require_lowercase_characters.unwrap_or_default(),
        users_may_change: input.allow_users_to_change_password.unwrap_or_default(),
        age_days_max: input.max_password_age,
        reuse_prevention: input.password_reuse_prevention,
        hard_expiry: input.hard_expiry,
    };
    change(ctx, move |tx| {
        let mut account = account::get(tx, &home)?;
        account.password_policy = Some(policy.clone());
        account::put(tx, &home, &account)
    })
    .await
}

pub async fn get_account_password_policy(ctx: &Ctx, (): ()) -> Result<GetAccountPasswordPolicyResponse> {
    let home = home(ctx);
    let account = ctx.read(|snap| account::get(snap, &home)).await?;
    let policy = account.password_policy.ok_or_else(|| errors::no_password_policy(ctx.account()))?;
    let password_policy = PasswordPolicy {
        minimum_password_length: Some(policy.length_min),
        require_symbols: Some(policy.symbols),
        require_numbers: Some(policy.numbers),
        require_uppercase_characters: Some(policy.uppercase),
        require_lowercase_characters: Some(policy.lowercase),
        allow_users_to_change_password: Some(policy.users_may_change),
        expire_passwords: Some(policy.age_days_max.is_some_and(|days| days > 0)),
        max_password_age: policy.age_days_max,
        password_reuse_prevention: policy.reuse_prevention,
        hard_expiry: policy.hard_expiry,
    };
    Ok(GetAccountPasswordPolicyResponse { password_policy })
}

pub async fn delete_account_password_policy(ctx: &Ctx, (): ()) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut account = account::get(tx, &home)?;
        account.password_policy.take().ok_or_else(errors::no_password_policy_to_delete)?;
        account::put(tx, &home, &account)
    })
    .await
}
