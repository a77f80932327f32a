//! Passwords of users.

use api_iam::{
    ChangePasswordRequest, CreateLoginProfileRequest, CreateLoginProfileResponse, DeleteLoginProfileRequest,
    GetLoginProfileRequest, GetLoginProfileResponse, LoginProfile, UpdateLoginProfileRequest,
};
use kernel::{Ctx, Error, Result};

use super::{at, edit, read, user_or_caller};
use crate::errors;
use crate::rules::password;
use crate::state::account;
use crate::state::home;
use crate::state::identity::{Identity, Kind, Login};

/// Hashes kept, the one that counts among them: as many as a policy can look back.
const HASHES_MAX: usize = 25;

fn shown(user: &Identity) -> Result<LoginProfile> {
    let login = user.login.as_ref().ok_or_else(|| errors::no_login_profile(&user.name))?;
    Ok(LoginProfile {
        user_name: user.name.clone(),
        create_date: at(login.created_at),
        password_reset_required: Some(login.reset_required),
    })
}

/// Refuses what the account's policy does not allow; gives the hash, and how many passwords may not come again.
async fn accept(ctx: &Ctx, new: &str) -> Result<(String, usize)> {
    let home = home(ctx);
    let policy = ctx.read(|snap| account::get(snap, &home)).await?.password_policy;
    password::check(policy.as_ref(), new)?;
    let back = policy.and_then(|policy| policy.reuse_prevention).unwrap_or_default();
    let (new, salt) = (new.to_owned(), ctx.ids().hex(16));
    let hash = aside(move || password::hash(&new, &salt)).await?;
    Ok((hash, usize::try_from(back).unwrap_or_default()))
}

/// Hashing takes long on purpose: it is done where it holds up nobody.
async fn aside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(Error::internal)
}

/// Whether it is one of the latest `back` passwords.
async fn is_known(login: &Login, password: &str, back: usize) -> Result<bool> {
    let hashes: Vec<String> = login.hashes.iter().take(back).cloned().collect();
    let password = password.to_owned();
    aside(move || hashes.iter().any(|hash| password::fits(&password, hash))).await
}

pub async fn create_login_profile(
    ctx: &Ctx,
    input: CreateLoginProfileRequest,
) -> Result<CreateLoginProfileResponse> {
    let name = user_or_caller(ctx, input.user_name)?;
    let new = input.password.ok_or_else(|| errors::validation("Must specify a password"))?;
    read(ctx, Kind::User, &name).await?;
    let (hash, _) = accept(ctx, &new).await?;
    let now = ctx.now();
    let reset_required = input.password_reset_required.unwrap_or_default();
    let user = edit(ctx, Kind::User, name, move |_, user| {
        if user.login.is_some() {
            return Err(errors::login_profile_exists(&user.name));
        }
        let hashes = vec![hash.clone()];
        user.login = Some(Login { created_at: now, changed_at: now, reset_required, hashes });
        Ok(user.clone())
    })
    .await?;
    Ok(CreateLoginProfileResponse { login_profile: shown(&user)? })
}

pub async fn get_login_profile(ctx: &Ctx, input: GetLoginProfileRequest) -> Result<GetLoginProfileResponse> {
    let user = read(ctx, Kind::User, &user_or_caller(ctx, input.user_name)?).await?;
    Ok(GetLoginProfileResponse { login_profile: shown(&user)? })
}

/// Puts a new hash before the old ones.
fn renew(login: &mut Login, hash: &str, now: kernel::Millis) {
    login.hashes.insert(0, hash.to_owned());
    login.hashes.truncate(HASHES_MAX);
    login.changed_at = now;
}

/// Refuses a password that was one of the latest `back`.
async fn check_fresh(login: &Login, new: &str, back: usize) -> Result<()> {
    match is_known(login, new, back).await? {
        true => Err(errors::weak_password("Password was used before and may not be used again")),
        false => Ok(()),
    }
}

pub async fn update_login_profile(ctx: &Ctx, input: UpdateLoginProfileRequest) -> Result<()> {
    let now = ctx.now();
    let user = read(ctx, Kind::User, &input.user_name).await?;
    let login = user.login.as_ref().ok_or_else(|| errors::no_login_profile(&user.name))?;
    let hash = match &input.password {
        Some(new) => {
            let (hash, back) = accept(ctx, new).await?;
            check_fresh(login, new, back).await?;
            Some(hash)
        }
        None => None,
    };
    edit(ctx, Kind::User, input.user_name, move |_, user| {
        let login = user.login.as_mut().ok_or_else(|| errors::no_login_profile(&user.name))?;
        login.reset_required = input.password_reset_required.unwrap_or(login.reset_required);
        if let Some(hash) = &hash {
            renew(login, hash, now);
        }
        Ok(())
    })
    .await
}

pub async fn delete_login_profile(ctx: &Ctx, input: DeleteLoginProfileRequest) -> Result<()> {
    let name = user_or_caller(ctx, input.user_name)?;
    edit(ctx, Kind::User, name, |_, user| {
        user.login.take().map(|_| ()).ok_or_else(|| errors::no_login_profile(&user.name))
    })
    .await
}

/// Only a user can: the caller is whose password it is.
pub async fn change_password(ctx: &Ctx, input: ChangePasswordRequest) -> Result<()> {
    let name = user_or_caller(ctx, None).map_err(|_| errors::password_not_changeable())?;
    let user = read(ctx, Kind::User, &name).await?;
    let login = user.login.as_ref().ok_or_else(|| errors::no_login_profile(&user.name))?;
    if !is_known(login, &input.old_password, 1).await? {
        return Err(errors::wrong_password());
    }
    let (hash, back) = accept(ctx, &input.new_password).await?;
    check_fresh(login, &input.new_password, back).await?;
    let (now, known) = (ctx.now(), login.clone());
    edit(ctx, Kind::User, name, move |_, user| {
        // Somebody changed it meanwhile: the old password that was given is no longer it.
        let login =
            user.login.as_mut().filter(|login| **login == known).ok_or_else(errors::wrong_password)?;
        renew(login, &hash, now);
        login.reset_required = false;
        Ok(())
    })
    .await
}
